// Classifies a picture in the page itself: it is sent nowhere.
//
// There is no build step. Run `npm install convzoo` in this folder and serve it with any web server. With the headers
// Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp it uses all cores.
import { load } from "./node_modules/convzoo/dist/browser.js";

const [drop, file, picture, answer] = ["drop", "file", "picture", "answer"].map((id) =>
  document.getElementById(id),
);

const model = await load("squeezenet1_1").catch(show);
if (model) {
  file.disabled = false;
  answer.textContent = `Ready, on ${model.threads} ${model.threads === 1 ? "thread" : "threads"}.`;
}

async function classify(image) {
  URL.revokeObjectURL(picture.src);
  picture.src = URL.createObjectURL(image);
  picture.hidden = false;
  const top = await model.classify(image);
  answer.textContent = top
    .map(({ label, probability }) => `${(probability * 100).toFixed(1)} %  ${label}`)
    .join("\n");
}

function show(error) {
  answer.textContent = error.message;
}

file.addEventListener("change", () => file.files.length > 0 && classify(file.files[0]).catch(show));

drop.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  const [image] = event.dataTransfer.files;
  if (model && image) classify(image).catch(show);
});
