// The history as thumbnails, with undo and redo.

const SHOWN = 60; // thumbnails

export class Strip {
  constructor(studio) {
    this.studio = studio;
    this.root = document.querySelector("#history");
    this.buttons = { undo: document.querySelector("#undo"), redo: document.querySelector("#redo") };
    this.buttons.undo.addEventListener("click", () => studio.undo());
    this.buttons.redo.addEventListener("click", () => studio.redo());
    studio.on("history", () => this.#update());
  }

  #update() {
    const { history } = this.studio;
    disable(this.buttons.undo, !history.canUndo);
    disable(this.buttons.redo, !history.canRedo);
    const first = Math.max(0, Math.min(history.index - SHOWN / 2, history.records.length - SHOWN));
    const records = history.records.slice(first, first + SHOWN);
    while (this.root.childElementCount > records.length) this.root.lastChild.remove();
    while (this.root.childElementCount < records.length) this.root.append(this.#item());
    records.forEach((record, i) => this.#put(this.root.children[i], record, first + i));
    this.#reveal(this.root.children[history.index - first]);
  }

  // Scroll the strip, and never the page, to an item.
  #reveal(item) {
    if (!item) return;
    const { root } = this;
    const left = item.offsetLeft - root.offsetLeft;
    const right = left + item.offsetWidth - root.clientWidth;
    root.scrollLeft = Math.min(Math.max(root.scrollLeft, right), left);
  }

  #item() {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    const name = document.createElement("span");
    button.append(document.createElement("canvas"), name);
    button.addEventListener("click", () => this.studio.go(Number(button.dataset.index)));
    item.append(button);
    return item;
  }

  #put(item, { label, picture }, index) {
    const button = item.firstChild;
    const [canvas, name] = button.children;
    button.dataset.index = index;
    if (name.textContent !== label) name.textContent = button.title = label;
    if (index === this.studio.history.index) button.setAttribute("aria-current", "step");
    else button.removeAttribute("aria-current");
    if (picture === item.picture) return;
    item.picture = picture;
    canvas.width = canvas.height = picture?.width ?? 1;
    if (picture) canvas.getContext("2d").drawImage(picture, 0, 0);
  }
}

// Without taking the focus away from a button that was just pressed.
function disable(button, on) {
  button.setAttribute("aria-disabled", on);
}
