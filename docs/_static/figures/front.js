// The figure of the front page is that of chapter 1; a name can stand on one page only.
export { default } from "./projection.js";
