// The two tabs: objects, and points to drag.

export class Tabs {
  constructor(points, stage) {
    this.tabs = [...document.querySelectorAll("[role=tab]")];
    this.points = points;
    this.stage = stage;
    this.tabs.forEach((tab, i) => {
      tab.addEventListener("click", () => this.#choose(i));
      tab.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        event.preventDefault();
        this.#choose((i + step + this.tabs.length) % this.tabs.length).focus();
      });
    });
  }

  #choose(chosen) {
    this.tabs.forEach((tab, i) => {
      tab.setAttribute("aria-selected", i === chosen);
      tab.tabIndex = i === chosen ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).hidden = i !== chosen;
    });
    const dragging = this.tabs[chosen].id === "tab-points";
    this.stage.frame.classList.toggle("dragging-points", dragging);
    this.points.show(dragging);
    return this.tabs[chosen];
  }
}
