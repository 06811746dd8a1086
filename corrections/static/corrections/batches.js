/* Batches: the progress is read again while it is under way, and a file is dropped. Everything also works without. */
"use strict";

(() => {
    const EVERY_MS = 3000;

    function progress() {
        return document.querySelector("[data-part=progress][data-live]");
    }

    /* Only the part that moves is taken; when it has come to its end, the whole page is another one. */
    async function readAgain() {
        const part = progress();
        if (!part || document.hidden) {
            return;
        }
        const answer = await fetch(part.dataset.live, { credentials: "same-origin" }).catch(() => null);
        if (!answer || !answer.ok || answer.redirected) {
            return;
        }
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-part=progress]");
        if (fresh && !fresh.dataset.live) {
            window.location.reload();
        } else if (fresh) {
            part.replaceWith(document.importNode(fresh, true));
        }
    }

    if (progress()) {
        window.setInterval(readAgain, EVERY_MS);
    }

    const form = document.getElementById("upload");
    if (!form) {
        return;
    }
    const place = form.querySelector("[data-drop-file]");
    for (const name of ["dragover", "dragleave", "drop"]) {
        document.addEventListener(name, (event) => {
            if (!event.dataTransfer || ![...event.dataTransfer.types].includes("Files")) {
                return;
            }
            event.preventDefault();
            place.classList.toggle("is-over", name === "dragover");
            if (name === "drop" && event.dataTransfer.files.length) {
                place.querySelector("input[type=file]").files = event.dataTransfer.files;
            }
        });
    }
    document.addEventListener("keydown", (event) => {
        if ((event.ctrlKey || event.metaKey) && event.key === "Enter") {
            event.preventDefault();
            form.requestSubmit();
        }
    });
    form.addEventListener("submit", () => {
        form.querySelector("[data-state]").textContent = form.dataset.busy;
    });
})();
