/* The correction's page by keyboard, and its evidence as a picture. Without it links, forms and downloads still work. */
"use strict";

(() => {
    const page = document.getElementById("decide");
    if (!page) {
        return;
    }
    const approve = document.getElementById("approve");
    const verbs = [...page.querySelectorAll(".dc-verb")];

    /* Evidence: fetched once per look, drawn on a canvas, so that the answer's headers can be read. */

    const panel = page.querySelector(".dc-evidence");
    const tabs = [...page.querySelectorAll(".dc-tab")];
    const view = page.querySelector(".dc-view");
    const canvas = page.querySelector(".dc-canvas");
    const message = page.querySelector(".dc-message");
    const tools = page.querySelector(".dc-tools");
    const state = {tab: null, page: 1, pages: 1, zoom: 1, turn: 0, bitmap: null, asked: 0};
    const ZOOM_STEP = 1.25;
    const ZOOM_MIN = 0.25;
    const ZOOM_MAX = 6;

    function say(text) {
        message.textContent = text;
        message.hidden = !text;
        canvas.hidden = Boolean(text);
    }

    async function show(tab, number) {
        const asked = ++state.asked;
        Object.assign(state, {tab, page: number});
        choose(tab);
        say(view.dataset.loading);
        try {
            const answer = await fetch(`${tab.dataset.preview}?page=${number}`, {credentials: "same-origin"});
            if (asked !== state.asked) {
                return;
            }
            if (!answer.ok) {
                throw new Error(await sentence(answer));
            }
            const bitmap = await createImageBitmap(await answer.blob());
            Object.assign(state, {bitmap, pages: Number(answer.headers.get("X-Evidence-Pages")) || 1, turn: 0});
            markOpened(tab);
            draw();
        } catch (error) {
            if (asked === state.asked) {
                say(error.message || view.dataset.failed);
            }
        }
    }

    async function sentence(answer) {
        const refused = new DOMParser().parseFromString(await answer.text(), "text/html");
        return refused.querySelector(".desk-note")?.textContent.trim() || view.dataset.failed;
    }

    function choose(tab) {
        for (const other of tabs) {
            other.setAttribute("aria-selected", String(other === tab));
            document.getElementById(other.dataset.panel).hidden = other !== tab;
        }
        canvas.setAttribute("aria-label", tab.dataset.name);
    }

    function draw() {
        const {bitmap, turn} = state;
        const isLying = turn % 2 === 1;
        canvas.width = isLying ? bitmap.height : bitmap.width;
        canvas.height = isLying ? bitmap.width : bitmap.height;
        const pen = canvas.getContext("2d");
        pen.translate(canvas.width / 2, canvas.height / 2);
        pen.rotate(turn * Math.PI / 2);
        pen.drawImage(bitmap, -bitmap.width / 2, -bitmap.height / 2);
        canvas.style.width = `${state.zoom * 100}%`;
        say("");
        tools.hidden = false;
        tools.querySelector(".dc-pages").textContent = `${state.page}/${state.pages}`;
        tools.querySelector("[data-tool=page-back]").disabled = state.page <= 1;
        tools.querySelector("[data-tool=page-on]").disabled = state.page >= state.pages;
    }

    function zoom(factor) {
        state.zoom = Math.min(ZOOM_MAX, Math.max(ZOOM_MIN, state.zoom * factor));
        canvas.style.width = `${state.zoom * 100}%`;
    }

    function turnPage(step) {
        const number = state.page + step;
        if (number >= 1 && number <= state.pages) {
            view.scrollTop = 0;
            show(state.tab, number);
        }
    }

    function fullScreen() {
        if (document.fullscreenElement) {
            document.exitFullscreen();
        } else {
            view.requestFullscreen?.();
        }
    }

    const acts = {
        "page-back": () => turnPage(-1),
        "page-on": () => turnPage(1),
        smaller: () => zoom(1 / ZOOM_STEP),
        larger: () => zoom(ZOOM_STEP),
        fit: () => zoom(1 / state.zoom),
        turn: () => {
            state.turn = (state.turn + 1) % 4;
            draw();
        },
        full: fullScreen,
    };

    /* Approve waits until this person has opened every piece; the page's convenience, not the rule. */

    function markOpened(tab) {
        tab.dataset.opened = "1";
        const mark = tab.querySelector(".dc-seen");
        mark.textContent = "✓";
        mark.setAttribute("aria-label", panel.dataset.opened);
        weighApproval();
    }

    const keyed = [...page.querySelectorAll("[data-rekey]")];
    const asked = [...page.querySelectorAll("[data-ask]")];
    const ticks = [...page.querySelectorAll("[data-confirm]")];
    const token = approve?.querySelector("[data-token]");

    /* A warning is answered by its tick and a reason, and by words where they are asked for. */
    function isAnswered(question) {
        const [tick, words] = question.querySelectorAll("input");
        const reason = question.querySelector("select").value;
        const needsWords = "needed" in words.dataset || reason === "other";
        return tick.checked && reason !== "" && (!needsWords || words.value.trim() !== "");
    }

    function missing(told) {
        const unopened = tabs.filter((tab) => tab.dataset.opened !== "1").map((tab) => tab.dataset.name);
        const unkeyed = keyed.filter((input) => input.value.trim() === "").map((input) => input.dataset.label);
        const unanswered = asked.filter((question) => !isAnswered(question)).length;
        const unconfirmed = Number(told.confirming) - ticks.filter((tick) => tick.checked).length;
        return [
            unopened.length && `${told.unopened} ${unopened.join(", ")}`,
            unkeyed.length && `${told.unkeyed} ${unkeyed.join(", ")}`,
            unanswered && `${told.unanswered} ${unanswered}`,
            unconfirmed > 0 && `${told.unconfirmed} ${unconfirmed}`,
            token && token.value.trim() === "" && told.untokened,
        ].filter(Boolean);
    }

    function weighApproval() {
        const reason = document.getElementById("why-not");
        if (approve && reason) {
            const left = missing(reason.dataset);
            approve.querySelector("button").disabled = left.length > 0;
            reason.hidden = left.length === 0;
            reason.textContent = left.join(" · ");
        }
    }

    /* What is keyed blindly is typed: nothing is pasted or dropped into it, and nothing is kept when the page is left. */
    for (const input of keyed) {
        for (const name of ["paste", "drop"]) {
            input.addEventListener(name, (event) => {
                event.preventDefault();
                input.parentElement.querySelector("[data-no-paste]").hidden = false;
            });
        }
        input.addEventListener("beforeinput", (event) => {
            if (["insertFromPaste", "insertFromDrop", "insertReplacementText"].includes(event.inputType)) {
                event.preventDefault();
            }
        });
    }
    page.addEventListener("input", weighApproval);
    page.addEventListener("change", weighApproval);

    if (view) {
        for (const tab of tabs) {
            tab.addEventListener("click", (event) => {
                event.preventDefault();
                show(tab, 1);
            });
            document.getElementById(tab.dataset.panel).querySelector(".dc-download")
                .addEventListener("click", () => markOpened(tab));
        }
        tools.addEventListener("click", (event) => acts[event.target.closest("[data-tool]")?.dataset.tool]?.());
        const first = tabs.find((tab) => tab.getAttribute("aria-selected") === "true");
        if (first) {
            // The server counts the piece on the page as opened; here it must have been drawn as well.
            show(first, 1);
        }
    }
    weighApproval();

    /* Forms: one at a time, never sent twice. */

    function open(verb) {
        for (const other of verbs) {
            other.open = other === verb;
        }
        verb?.querySelector("select, textarea")?.focus();
    }

    for (const verb of verbs) {
        verb.querySelector("summary").addEventListener("click", (event) => {
            event.preventDefault();
            open(verb.open ? null : verb);
        });
    }

    page.addEventListener("submit", (event) => {
        if (event.target.dataset.sent) {
            event.preventDefault();
            return;
        }
        event.target.dataset.sent = "1";
    });
    window.addEventListener("pageshow", () => {
        for (const form of page.querySelectorAll("form")) {
            delete form.dataset.sent;
        }
        weighApproval();
    });

    function send(target) {
        const form = target.closest?.(".dc-verb form") || verbs.find((verb) => verb.open)?.querySelector("form") || approve;
        const button = form?.querySelector("button[type=submit]");
        if (button && !button.disabled) {
            form.requestSubmit(button);
        } else {
            document.getElementById("why-not")?.classList.add("is-loud");
        }
    }

    /* Keys */

    function isTyping(target) {
        return target.closest?.("input, select, textarea") != null;
    }

    const keys = {
        j: () => page.dataset.next && window.location.assign(page.dataset.next),
        k: () => page.dataset.previous && window.location.assign(page.dataset.previous),
        f: () => view && fullScreen(),
        "+": () => zoom(ZOOM_STEP),
        "=": () => zoom(ZOOM_STEP),
        "-": () => zoom(1 / ZOOM_STEP),
        "0": () => zoom(1 / state.zoom),
        "]": () => turnPage(1),
        "[": () => turnPage(-1),
    };

    function byKey(key) {
        const verb = verbs.find((each) => each.dataset.key === key);
        const tab = /^[1-9]$/.test(key) ? tabs[Number(key) - 1] : null;
        if (verb) {
            return () => open(verb);
        }
        return tab ? () => show(tab, 1) : keys[key];
    }

    document.addEventListener("keydown", (event) => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
            event.preventDefault();
            // A key held down must not sign one correction after the other.
            if (!event.repeat) {
                send(event.target);
            }
        } else if (event.key === "Escape") {
            open(null);
        } else if (!event.ctrlKey && !event.metaKey && !event.altKey && !isTyping(event.target)) {
            const act = byKey(event.key.toLowerCase());
            if (act) {
                event.preventDefault();
                act();
            }
        }
    });

    (page.querySelector(".dc-verb[open] textarea, [aria-invalid=true]") || document.getElementById("refusal"))?.focus();
})();
