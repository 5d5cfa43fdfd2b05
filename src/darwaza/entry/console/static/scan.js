// Reads the QR codes of a paper with the camera or from pictures into a field.
import { codesIn } from "./qr.mjs";

const PAUSE_MS = 150, FRAME_SIDE_MAX = 1100, FRAME_MS_MAX = 1500;

for (const place of document.querySelectorAll("[data-scan]")) {
  const field = place.querySelector("textarea"), video = place.querySelector("video"), camera = place.querySelector("[data-camera]");
  const picture = place.querySelector("input[type=file]"), count = place.querySelector("[data-count]"), none = place.querySelector("[data-none]");
  for (const hidden of place.querySelectorAll("[data-can]")) hidden.hidden = false;
  camera.hidden = !navigator.mediaDevices?.getUserMedia;
  const found = new Set();
  const take = (codes) => {
    const before = found.size;
    for (const code of codes) if (code.startsWith("DWZ1:")) found.add(code);
    if (found.size > before) { field.value = [...found].join("\n"); count.textContent = found.size; }
    return found.size > before;
  };
  picture.addEventListener("change", async () => {
    let any = false;
    for (const file of picture.files) any = take(await codesIn(await createImageBitmap(file)).catch(() => [])) || any;
    none.hidden = any;
  });
  camera.addEventListener("click", async () => {
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    video.hidden = false;
    await video.play();
    const look = async () => {
      if (!video.srcObject) return;
      take(await codesIn(video, FRAME_SIDE_MAX, FRAME_MS_MAX));
      setTimeout(look, PAUSE_MS);
    };
    look();
  });
}
