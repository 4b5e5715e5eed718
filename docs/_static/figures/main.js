// Brings figures to life. A figure named interactive-NAME keeps its still for print and for readers
// without JavaScript; here the module NAME.js takes its place on the screen.

for (const figure of document.querySelectorAll("figure[id^='interactive-']")) {
  const still = figure.querySelector("img, object");
  const name = figure.id.slice("interactive-".length);
  import(`./${name}.js`).then(({ default: mount }) => {
    const place = document.createElement("div");
    place.className = "live";
    const shown = still.closest("a") ?? still; // a still may lead to itself in full size
    shown.after(place);
    mount(place);
    shown.classList.add("still");
  });
}
