// Reads the QR codes of a paper with the camera or from pictures, where the browser can (BarcodeDetector), into a field.

const can = "BarcodeDetector" in globalThis;

for (const place of document.querySelectorAll("[data-scan]")) {
  const field = place.querySelector("textarea"), video = place.querySelector("video"), camera = place.querySelector("[data-camera]");
  const picture = place.querySelector("input[type=file]"), count = place.querySelector("[data-count]");
  if (!can) continue;
  for (const hidden of place.querySelectorAll("[data-can]")) hidden.hidden = false;
  const detector = new BarcodeDetector({ formats: ["qr_code"] });
  const found = new Set();
  const take = (codes) => {
    const before = found.size;
    for (const code of codes) if (code.rawValue.startsWith("DWZ1:")) found.add(code.rawValue);
    if (found.size > before) { field.value = [...found].join("\n"); count.textContent = found.size; }
  };
  picture?.addEventListener("change", async () => {
    for (const file of picture.files) take(await detector.detect(await createImageBitmap(file)));
  });
  camera?.addEventListener("click", async () => {
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    video.hidden = false;
    await video.play();
    const look = async () => {
      if (!video.srcObject) return;
      take(await detector.detect(video));
      requestAnimationFrame(look);
    };
    look();
  });
}
