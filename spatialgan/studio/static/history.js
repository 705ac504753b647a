// Undo and redo without limit. A record is a scene and what led to it.

const PICTURES = 200; // records that keep their thumbnail

export class History {
  constructor() {
    this.records = [];
    this.index = -1;
  }

  get current() {
    return this.records[this.index];
  }

  get canUndo() {
    return this.index > 0;
  }

  get canRedo() {
    return this.index < this.records.length - 1;
  }

  push(scene, label) {
    this.records.length = this.index + 1;
    this.records.push({ scene, label, picture: null });
    this.index += 1;
    const old = this.records[this.index - PICTURES];
    if (old) old.picture = null;
  }

  go(index) {
    if (index < 0 || index >= this.records.length) return false;
    this.index = index;
    return true;
  }
}
