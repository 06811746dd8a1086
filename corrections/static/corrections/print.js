/* The approval form's one button: the browser's own print dialog. */
"use strict";

document.querySelector("[data-print]")?.addEventListener("click", () => window.print());
