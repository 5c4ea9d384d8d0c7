"""The page of ltm serve, used as a person uses it.

    page.py URL NAME SEQUENCE PICTURES-FOLDER       a server with fitted latents; the folder takes pictures of the page
"""
import sys
from urllib.parse import quote

from browser import Browser

url, name, sequence, pictures = sys.argv[1:]
tests = 0


def holds(what, condition):
    global tests
    tests += 1
    print(f"{'ok' if condition else 'not ok'} {tests} - {what}", flush=True)
    if not condition:
        print("#", page.run("document.getElementById('state').textContent"), page.asked[-9:], page.complaints[-3:])


def generate():
    """The text, the colour of each of its tokens, and the last request."""
    page.run("document.getElementById('form').requestSubmit()")
    return done()


def done():
    page.until("document.getElementById('go').disabled === false && document.getElementById('state').textContent !== ''")
    text = page.run("document.getElementById('text').textContent")
    marks = page.run("[...document.querySelectorAll('#text span')].map((s) => [s.textContent, s.title, s.style.background])")
    return text, marks, page.run("window.sent")


def state():
    return page.run("[document.getElementById('state').textContent, document.getElementById('state').className]")


def put(field, value):
    page.run(f"{{ const f = document.getElementById('{field}'); f.value = {value!r}; f.dispatchEvent(new Event('input')); }}")


def opened(link="", referrer=""):
    page.open(url + link, referrer)
    page.until(f"document.getElementById('model').textContent === '{name}'")


page = Browser("127.0.0.1")
# What the page sends, for this test to see.
page.call("Page.addScriptToEvaluateOnNewDocument", source="{ const ask = window.fetch; window.fetch = (to, how) => { if (how && how.body) "
          "window.sent = JSON.parse(how.body); return ask(to, how); }; }")
try:
    for width in (390, 1280):
        page.size(width, 844)
        opened()
        put("prompt", "the and of")
        text, marks, sent = generate()
        holds(f"a prompt is completed ({width} wide)", text.startswith("the and of") and len(text) > 12 and state() == ["Done.", ""])
        holds(f"nothing is wider than the window ({width})", page.run("document.documentElement.scrollWidth") <= width)
        page.picture(f"{pictures}/page-{width}.png")
    surprises = [float(title.split()[0]) for _, title, _ in marks]
    alphas = [float(colour.split(",")[3].strip(" )")) if colour.count(",") == 3 else 1 for _, _, colour in marks]
    holds("tokens are coloured by their surprise", len(marks) > 5 and len(set(alphas)) > 3 and
          all(abs(a - min(s, 8) / 10) < 0.01 for s, a in zip(surprises, alphas)))
    holds("z is fitted on the prompt at first", "context_tokens" not in sent)
    page.run("document.querySelector('[value=prior]').click()")
    other, _, sent = generate()
    holds("z from the prior", sent["context_tokens"] == 0 and other.startswith("the and of") and state() == ["Done.", ""])
    for slider, field, value in (("temperature", "temperature", 0.3), ("top_p", "top_p", 0.5), ("length", "max_tokens", 7), ("seed", "seed", 9)):
        put(slider, value)
        shown = page.run(f"(document.querySelector('output[for={slider}]') || {{}}).value")
        _, marks, sent = generate()
        holds(f"{slider} is shown and sent", sent[field] == value and shown in (str(value), None))
    holds("length is kept to", 1 <= len(marks) <= 7)
    opened(f"#prompt={quote('he and she: ü & #')}&seed=4&length=5&temperature=0&z=prior&run")
    text, marks, sent = done()
    holds("a link says what to do", text.startswith("he and she: ü & #") and sent["prompt"] == "he and she: ü & #" and sent["seed"] == 4 and
          sent["max_tokens"] == 5 and sent["temperature"] == 0 and sent["context_tokens"] == 0 and len(marks) <= 5)
    opened("#prompt=the&length=5&run", "http://other.invalid/")
    page.until("document.getElementById('state').textContent !== ''")
    holds("a link on another site fills in and waits", page.run("document.referrer") == "http://other.invalid/" and
          page.run("document.getElementById('prompt').value") == "the" and page.run("window.sent === undefined") and
          "another site" in state()[0])
    opened("#prompt=the&length=5&run", url)
    text, _, sent = done()
    holds("a link on this site runs", page.run("document.referrer") == url and sent["prompt"] == "the" and text.startswith("the"))
    opened("#prompt=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E")
    holds("a link without run waits, and is text", page.run("document.getElementById('text').textContent") == "" and
          page.run("document.getElementById('prompt').value") == "<img src=x onerror=alert(1)>")
    generate()
    holds("a prompt is never markup", page.run("document.querySelectorAll('#text img').length") == 0)
    holds("nothing is said on the console", not page.complaints)
    put("prompt", "the " * 2 * int(sequence))
    generate()
    wrong = state()
    holds("an error is said in words", wrong[1] == "wrong" and "model.sequence" in wrong[0])
    page.picture(f"{pictures}/page-wrong.png")
    put("prompt", "the")
    generate()
    holds("and the next prompt is completed", state() == ["Done.", ""])
    holds("nothing is asked of another machine", page.asked and all(a.startswith(url) or a == "about:blank" for a in page.asked))
finally:
    page.close()
print(f"1..{tests}")
