/** The camera: shown as fast as the screen, classified as fast as the network. */
import { byId } from "./dom.js";
import { report } from "./problem.js";
import { showVideo } from "./stage.js";
import { answer, picture } from "./state.js";

const button = byId<HTMLButtonElement>("camera");
const video = document.createElement("video");
video.muted = true;
video.playsInline = true;

let stream: MediaStream | undefined;
/** Whether a frame was given and its answer has not come. */
let waiting = false;

export function startCamera(): void {
  if (!navigator.mediaDevices) {
    button.hidden = true; // Pages that are not served over https have none.
    return;
  }
  button.addEventListener("click", () => void (stream ? stop() : start()).catch(report));
  answer.on(() => {
    waiting = false;
  });
  picture.on((now) => now?.name !== "camera" && void stop());
}

async function start(): Promise<void> {
  const wanted = { width: { ideal: 640 }, height: { ideal: 480 }, facingMode: "environment" };
  stream = await navigator.mediaDevices.getUserMedia({ video: wanted });
  video.srcObject = stream;
  await video.play();
  button.setAttribute("aria-pressed", "true");
  waiting = false;
  requestAnimationFrame(show);
}

async function stop(): Promise<void> {
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = undefined;
  video.srcObject = null;
  button.setAttribute("aria-pressed", "false");
}

function show(): void {
  if (!stream) return;
  requestAnimationFrame(show);
  if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return;
  const frame = showVideo(video, !waiting);
  if (!frame) return;
  waiting = true;
  picture.set({ name: "camera", source: frame, width: frame.width, height: frame.height, live: true });
}
