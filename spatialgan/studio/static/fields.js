// Fields for numbers.

// A field previews what it says at every input, and makes it a step at its end. Text that is no number then counts for
// nothing, and neither does what was typed on the way to it.
export function field(studio, input, { apply, label }) {
  input.addEventListener("input", (event) => {
    input.dataset.typing = "yes";
    if (isNumber(input)) studio.preview(apply(Number(input.value)), event.timeStamp);
  });
  const end = () => {
    if (!input.dataset.typing) return true;
    delete input.dataset.typing;
    const fine = isNumber(input);
    if (fine) studio.commit(label());
    else studio.revert();
    studio.dispatchEvent(new CustomEvent("scene")); // show what is true now
    if (!fine) studio.say("This is not a number: the field is as it was.");
    return fine;
  };
  for (const kind of ["change", "blur"]) input.addEventListener(kind, end);
  studio.on("flush", (event) => end() || event.preventDefault());
}

export function isNumber(input) {
  return input.value !== "" && Number.isFinite(Number(input.value));
}
