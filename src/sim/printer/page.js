// The bench page of the sandbox printer. Builds nodes only, so that nothing that was printed becomes markup.
const keys = [["ready", "有纸 Ready"], ["paper-out", "缺纸 Paper out"], ["cover-open", "开盖 Cover open"],
  ["hot", "过热 Too hot"], ["jammed", "卡纸 Jammed"], ["off", "关机 Off"]];
const box = document.getElementById("keys");
for (const [state, words] of keys) {
  const key = document.createElement("button");
  key.textContent = words;
  key.dataset.state = state;
  key.onclick = () => fetch("/state?is=" + state, { method: "POST" }).then(read);
  box.append(key);
}
const soon = document.createElement("button");
soon.textContent = "还剩 5 行 Five lines left";
soon.onclick = () => fetch("/state?lines=5", { method: "POST" }).then(read);
box.append(soon);
let shown = 0;
async function read() {
  const seen = await (await fetch("/slips")).json();
  document.getElementById("state").textContent = seen.slips.length + " 张 slips";
  for (const key of box.children) {
    key.setAttribute("aria-pressed", String(key.dataset.state === seen.state));
  }
  const list = document.getElementById("slips");
  for (; shown < seen.slips.length; shown++) {
    const figure = document.createElement("figure");
    const picture = document.createElement("img");
    picture.src = "/slip/" + String(shown + 1).padStart(4, "0") + ".png";
    picture.alt = seen.slips[shown].text;
    const caption = document.createElement("figcaption");
    caption.textContent = (shown + 1) + (seen.slips[shown].whole ? "" : " (cut off)");
    figure.append(picture, caption);
    list.prepend(figure);
  }
}
setInterval(read, 1000);
read();
