"""Drives the real screen by its labels and shows codes to the virtual camera; leaves pictures and stage times."""
import json
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

out = sys.argv[1]
sandbox = json.load(open(f"{out}/sandbox.json"))
# amount, wallet, words of the last page, fen that the customer is charged in the end
STORIES = [("21.01", "wechat", "收款成功", 2101), ("32.80", "unionpay", "收款成功", 3280), ("43.83", "alipay", "收款成功", 4383),
           ("25.70", "alipay", "收款成功", 2570), ("28.77", "alipay", "未收款", 0), ("26.85", "wechat", "收款成功", 2685)]
till = subprocess.Popen(
    ["target/debug/shouyin", "--config", f"{out}/sandbox/terminal.toml", "--config", f"{out}/fast.toml",
     "--data", f"{out}/screen-terminal", "--web", "0"],
    stdout=subprocess.PIPE, stderr=open(f"{out}/screen-terminal.log", "w"), text=True)
page = till.stdout.readline().split("screen: ")[1].strip()
pictures = 0


def post(url):
    return urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=20).read()


def labels():
    return [entry["label"] for entry in json.load(urllib.request.urlopen(page + "labels", timeout=20))]


def wait(word, seconds=30):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if any(word in label for label in labels()):
            return
        time.sleep(0.03)
    picture("gave-up")
    raise SystemExit(f"the screen never said {word}: {labels()}")


def press(label):
    until = time.monotonic() + 5
    while True:
        try:
            return post(page + "press?label=" + urllib.parse.quote(label))
        except urllib.error.HTTPError:
            if time.monotonic() > until:
                raise
            time.sleep(0.03)


def picture(name):
    global pictures
    pictures += 1
    data = urllib.request.urlopen(page + "frame.png", timeout=20).read()
    open(f"{out}/{pictures:02d}-{name}.png", "wb").write(data)


report, wrong = [], 0
for amount, wallet, expected, fen in STORIES:
    wait("收款金额")
    began = time.monotonic()
    for key in amount:
        press(key)
    picture(f"{amount}-typed")
    press("收款")
    wait("请顾客出示付款码")
    prompted = time.monotonic()
    post(sandbox["wallet"] + f"show?wallet={wallet}")
    shown = time.monotonic()
    while any("请顾客出示付款码" in label for label in labels()):
        if time.monotonic() > shown + 10:
            picture("not-read")
            raise SystemExit(f"the code of {amount} was not read")
        time.sleep(0.01)
    read = time.monotonic()
    picture(f"{amount}-sent")
    wait(expected)
    ended = time.monotonic()
    picture(f"{amount}-{wallet}-result")
    post(sandbox["wallet"] + "hide")
    press("下一笔" if expected == "收款成功" else "知道了")
    orders = json.load(urllib.request.urlopen(sandbox["ledger"]))["orders"]
    net = sum(o["net_charged"] for o in orders if o["total_amount"] == round(float(amount) * 100))
    ok = net == fen
    wrong += not ok
    report.append({"amount": amount, "wallet": wallet, "state": expected, "net_charged": net, "expected": fen,
                   "seconds": {"typing": round(prompted - began, 3), "show_to_read": round(read - shown, 3),
                               "read_to_result": round(ended - read, 3)}})
    print(report[-1])
till.send_signal(2)
till.wait(20)
whole = json.load(open(f"{out}/report.json"))
whole["screen_sales"], whole["wrong"] = report, whole["wrong"] + wrong
json.dump(whole, open(f"{out}/report.json", "w"), indent=1, ensure_ascii=False)
print(f"{len(report)} sales on the screen by camera, {wrong} wrong, {pictures} pictures in {out}")
sys.exit(1 if wrong else 0)
