// Closes the header's menu when the eye moves on: a click beside it, or Escape. Without this it still opens and closes.
"use strict";

document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.desk-dropdown[open]")) {
        if (!menu.contains(event.target)) {
            menu.open = false;
        }
    }
});

document.addEventListener("keydown", (event) => {
    const menu = document.querySelector("details.desk-dropdown[open]");
    if (event.key === "Escape" && menu) {
        menu.open = false;
        menu.querySelector("summary").focus();
    }
});
