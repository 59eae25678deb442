"use client";

import * as convzoo from "convzoo";
import { useEffect } from "react";
import { smoke } from "../../../smoke.mjs";

export default function Page() {
  useEffect(() => {
    globalThis.smoke = (given) => smoke(convzoo, given);
  }, []);
  return <p>next</p>;
}
