/* Keyboard on lists of corrections: J and K move, Enter opens, / goes to the number. Without it every link still works. */
"use strict";

(() => {
    const rows = [...document.querySelectorAll("[data-walk] tbody tr")];
    let current = -1;

    function choose(index) {
        if (!rows.length) {
            return;
        }
        rows[current]?.classList.remove("is-current");
        current = Math.max(0, Math.min(rows.length - 1, index));
        rows[current].classList.add("is-current");
        rows[current].querySelector("a").focus({preventScroll: true});
        rows[current].scrollIntoView({block: "nearest"});
    }

    function isTyping(target) {
        return target.closest("input, select, textarea, [contenteditable]") !== null;
    }

    rows.forEach((row, index) => row.addEventListener("focusin", () => {
        rows[current]?.classList.remove("is-current");
        current = index;
        row.classList.add("is-current");
    }));

    document.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) {
            return;
        }
        const key = event.key.toLowerCase();
        if (key === "j" || key === "k") {
            choose(current + (key === "j" ? 1 : -1));
            event.preventDefault();
        } else if (key === "/") {
            document.querySelector("[name=number]")?.focus();
            event.preventDefault();
        }
    });
})();
