// The tabs: objects, points to drag, and the sliders of a region.

export class Tabs {
  // `panes` are those of the tabs after the first; each is told whether it is shown, and marks the frame by its name.
  constructor(panes, stage) {
    this.tabs = [...document.querySelectorAll("[role=tab]")];
    this.panes = panes;
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
    this.stage.frame.classList.toggle("other-tool", chosen > 0);
    this.panes.forEach((pane, i) => pane.show(i + 1 === chosen));
    return this.tabs[chosen];
  }
}
