/* The maker's pages: ticks follow the typing, keys submit, files are dropped or pasted. Everything also works without. */
"use strict";

(() => {
    const form = document.getElementById("propose");
    const texts = document.getElementById("texts");

    /* A value that is typed is meant: tick its row. Emptying it again unticks what typing ticked. */
    function followTyping(event) {
        const row = event.target.closest("tr");
        const tick = row && row.querySelector("input[type=checkbox]");
        if (!tick) {
            return;
        }
        if (event.target !== tick) {
            if (event.target.value !== "") {
                tick.checked = true;
                tick.dataset.typed = "yes";
            } else if (tick.dataset.typed) {
                tick.checked = false;
            }
        }
        row.classList.toggle("is-ticked", tick.checked);
    }

    /* On a slow line somebody types before this script is here: that is meant no less. */
    function followTypedAlready() {
        for (const one of form.querySelectorAll("tr :is(input, select, textarea):not([type=checkbox])")) {
            const chosen = one.selectedOptions && one.selectedOptions[0];
            if (chosen ? one.selectedIndex > 0 && !chosen.defaultSelected : one.value !== one.defaultValue) {
                followTyping({ target: one });
            }
        }
    }

    /* Ctrl+Enter and Ctrl+S press the buttons that say so. */
    function pressed(event) {
        if (!(event.ctrlKey || event.metaKey) || event.altKey) {
            return;
        }
        const name = { Enter: "submit", s: "save" }[event.key];
        const button = name && document.querySelector(`[data-shortcut=${name}]`);
        if (button) {
            event.preventDefault();
            button.click();
        }
    }

    /* Every loading of a picture is an opening on record: what is shown already is not opened again. */
    function keepPictures(from, to) {
        for (const picture of to.querySelectorAll("img")) {
            const same = [...from.querySelectorAll("img")].find((one) => one.src === picture.src && one.complete);
            if (same) {
                picture.replaceWith(same);
            }
        }
    }

    /* The kind that somebody chose holds for the next file too. */
    function keepKind(from, to) {
        const [before, after] = [from, to].map((part) => part.querySelector("select[name=kind]"));
        if (before && after && before.dataset.chosen) {
            after.value = before.value;
            after.dataset.chosen = "yes";
        }
    }

    /* Answers to warnings that nobody has sent yet stay as they were typed. */
    function keepAnswers(from, to) {
        for (const before of from.querySelectorAll("[data-ask] input, [data-ask] select")) {
            const after = to.querySelector(`[name="${before.name}"]`);
            if (after) {
                after.checked = before.checked;
                after.value = before.value;
            }
        }
    }

    /* Nor is the way with bad rows, chosen a moment ago, taken back by an answer that was written before it was saved. */
    function keepWay(from, to) {
        const chosen = from.querySelector(".ba-ways input:checked");
        const after = chosen && to.querySelector(`.ba-ways input[value="${chosen.value}"]`);
        if (after) {
            after.checked = true;
        }
    }

    /* Take the parts of the answer that may have changed; what is being typed elsewhere stays. */
    function takeParts(html, wanted = "[data-part]") {
        const answer = new DOMParser().parseFromString(html, "text/html");
        if (!answer.querySelector("[data-part]")) {
            return false;
        }
        for (const part of document.querySelectorAll(wanted)) {
            const fresh = answer.querySelector(`[data-part=${part.dataset.part}]`);
            if (fresh) {
                const taken = document.importNode(fresh, true);
                keepPictures(part, taken);
                keepKind(part, taken);
                keepAnswers(part, taken);
                keepWay(part, taken);
                part.replaceWith(taken);
            }
        }
        return true;
    }

    async function send(target, data) {
        const answer = await fetch(target.action, { method: "POST", body: data, credentials: "same-origin" });
        if (takeParts(await answer.text())) {
            showRefusal();
        } else if (await isSignedIn()) {
            window.location.reload();
        }
    }

    /* The texts and the way with bad rows, without leaving the page: a file that is chosen stays chosen. */
    const SAVED = "[data-part=notes], [data-part=readiness], [data-part=saved]";
    async function save() {
        if (await isSignedIn()) {
            const answer = await fetch(texts.action, { method: "POST", body: new FormData(texts), credentials: "same-origin" });
            takeParts(await answer.text(), SAVED);
            isDirty = document.getElementById("refusal") !== null;
            showRefusal();
        }
    }

    /* The sign-in may have ended meanwhile, or begun anew in another tab: then the answer would take away what was
       typed. So ask before sending: take the present sign-in's token, or stay here and say what to do. */
    async function isSignedIn() {
        const here = (texts && texts.dataset.here) || window.location.href; // what was refused stands where nothing can be read
        const html = await fetch(here, { credentials: "same-origin" }).then((one) => one.text(), () => "");
        const token = new DOMParser().parseFromString(html, "text/html").querySelector("#logout-form [name=csrfmiddlewaretoken]");
        for (const one of token ? document.getElementsByName("csrfmiddlewaretoken") : []) {
            one.value = token.value;
        }
        document.getElementById("signed-out").hidden = token !== null;
        return token !== null;
    }

    /* Once asked, the form goes as it was meant to, by the same button; a second press meanwhile is the same one. */
    let isAsking = false;
    let isAsked = false;
    async function askFirst(target, button) {
        if (isAsking) {
            return;
        }
        isAsking = true;
        isAsked = await isSignedIn();
        isAsking = false;
        if (isAsked) {
            target.requestSubmit(button);
            isAsked = false;
        }
    }

    async function attach(target, files) {
        const data = new FormData(target);
        data.delete("files");
        for (const file of files) {
            data.append("files", file, file.name || `screenshot-${stamp()}.png`);
        }
        const state = target.querySelector("[data-attach-state]");
        state.textContent = state.dataset.busy;
        await send(target, data);
    }

    /* A pasted picture has no name of its own. */
    function stamp() {
        return new Date().toISOString().slice(0, 19).replace(/[-:T]/g, "");
    }

    function named(file) {
        const isNameless = file.name === "" || file.name === "image.png";
        return isNameless ? new File([file], `screenshot-${stamp()}.png`, { type: file.type }) : file;
    }

    function attachForm() {
        return document.querySelector("form[data-attach]");
    }

    document.addEventListener("submit", (event) => {
        const target = event.target;
        if (target.matches("form[data-partial]")) {
            event.preventDefault();
            send(target, new FormData(target));
        } else if (target.matches("form[data-attach]")) {
            event.preventDefault();
            attach(target, target.elements.files.files);
        } else if ((target === form || target === texts) && !isAsked) {
            event.preventDefault();
            askFirst(target, event.submitter);
        } else if (texts && isDirty && target.matches("form[data-saves]")) {
            event.preventDefault();
            save().then(() => isDirty || target.requestSubmit(event.submitter));
        } else if (!event.defaultPrevented && !target.matches("form[data-stays]")) {
            isLeaving = true;
        }
    });

    document.addEventListener("change", (event) => {
        if (event.target.matches(".ba-ways input")) {
            save();
        }
        if (event.target.matches("form[data-attach] select")) {
            event.target.dataset.chosen = "yes";
        }
        if (event.target.matches("form[data-attach] input[type=file]") && event.target.files.length) {
            attach(attachForm(), event.target.files);
        }
    });

    document.addEventListener("paste", (event) => {
        const files = event.clipboardData ? [...event.clipboardData.files] : [];
        if (attachForm() && files.length) {
            event.preventDefault();
            const kind = attachForm().elements.kind;
            if (!kind.dataset.chosen && files.every((file) => file.type.startsWith("image/"))) {
                kind.value = "screenshot";
            }
            attach(attachForm(), files.map(named));
        }
    });

    for (const name of ["dragover", "dragleave", "drop"]) {
        document.addEventListener(name, (event) => {
            const place = document.querySelector("[data-drop]");
            if (!place || !event.dataTransfer || ![...event.dataTransfer.types].includes("Files")) {
                return;
            }
            event.preventDefault();
            place.classList.toggle("is-over", name === "dragover");
            if (name === "drop" && event.dataTransfer.files.length) {
                attach(attachForm(), event.dataTransfer.files);
            }
        });
    }

    /* Enter in the search for another record finds; it neither saves only nor submits. */
    document.addEventListener("keydown", (event) => {
        pressed(event);
        if (event.key === "Enter" && !event.ctrlKey && event.target.closest && event.target.closest(".draft-find input")) {
            event.preventDefault();
            document.querySelector("[data-find]").click();
        }
    });

    function showRefusal() {
        const first = document.querySelector("[aria-invalid=true]:not([disabled])") || document.getElementById("refusal");
        if (first) {
            first.scrollIntoView({ block: "center" });
            first.focus();
        }
    }

    /* Leaving with texts that were typed and not saved asks first. */
    let isDirty = false;
    let isLeaving = false;
    for (const one of [form, texts]) {
        if (one) {
            one.addEventListener("input", () => { isDirty = true; });
        }
    }
    window.addEventListener("beforeunload", (event) => {
        if (isDirty && !isLeaving) {
            event.preventDefault();
        }
    });

    if (form) {
        form.addEventListener("input", followTyping);
        form.addEventListener("change", followTyping);
        followTypedAlready();
    }
    showRefusal();
})();
