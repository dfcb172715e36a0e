"""Plays every story on the real screen: keys and buttons by their labels, codes as pixels before the virtual camera,
cards at the reader on its serial line.

Leaves a picture of each stage and report.json: per sale the order number, the state, the amounts, the stage times.
Three parties have to agree on every sale: the screen, the terminal's journal and the sandbox's books.
"""
import atexit
import json
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

OUT = sys.argv[1]
SANDBOX = json.load(open(f"{OUT}/sandbox.json"))
PRINTER = json.load(open(f"{OUT}/printer.json"))
WORDS = {
    "zh": {"keypad": "今日 ", "charge": "收款", "prompt": "请顾客出示付款码", "type": "手输付款码", "pin": "请顾客在读卡器上输入密码", "confirm": "确认",
           "manual": "付款码数字", "typed": "已输 {} 位", "paid": "收款成功", "unpaid": "未收款", "revoked": "已撤销，未收款", "next": "下一笔",
           "back": "返回", "stop": "停止等待", "query": "立即核实", "acts": "请顾客在手机上输入密码", "unknown": "结果未知",
           "cancel": "取消", "open": "待核实 1", "list": "1 笔待核实", "home": "返回收款", "clear": "清空"},
    "en": {"keypad": "Today ", "charge": "Charge", "prompt": "Show your Pay code", "type": "Type the code", "pin": "Customer: PIN",
           "confirm": "Confirm", "manual": "Digits of the code", "typed": "{} typed", "paid": "Payment received", "unpaid": "Not paid",
           "revoked": "Cancelled, not paid", "next": "Next sale", "back": "Back", "stop": "Stop waiting",
           "query": "Check now", "acts": "Customer enters password", "unknown": "Result unknown", "cancel": "Cancel",
           "open": "Open 1", "list": "1 open sales", "home": "Back to sales", "clear": "Clear"},
}
# language, amount in yuan, wallet (or digits to type, or what is done at the card reader), page between (or none), what the cashier does there, end on the
# screen, state in the journal, fen that the customer has paid in the end, what the last two digits of the amount mean
STORIES = [
    ("zh", "1288.04", "insert credit", None, None, "paid", "paid", 128804, "a chip is inserted, the PIN typed on the reader"),
    ("zh", "21.01", "wechat", None, None, "paid", "paid", 2101, "paid at once"),
    ("zh", "1280.50", "unionpay", None, None, "paid", "paid", 128050, "paid at once, nineteen digits"),
    ("zh", "43.83", "alipay", None, None, "paid", "paid", 4383, "paid with a discount of ¥0.10"),
    ("zh", "25.70", "alipay", "acts", None, "paid", "paid", 2570, "the customer types a password, then it is paid"),
    ("zh", "9.05", "281234567890129055", None, None, "paid", "paid", 905, "the cashier types the digits"),
    ("zh", "28.77", "alipay", None, "again", "unpaid", "declined", 0, "declined; 再收, then cancelled"),
    ("zh", "31.78", "wechat", "acts", None, "unpaid", "declined", 0, "password, then it fails"),
    ("zh", "16.71", "alipay", "acts", "stop", "revoked", "revoked", 0, "never paid; the cashier stops waiting"),
    ("zh", "17.75", "wechat", "unknown", None, "paid", "paid", 1775, "the answer says timeout, paid all the same"),
    ("zh", "26.85", "wechat", "unknown", None, "paid", "paid", 2685, "an unlisted code, paid all the same"),
    ("en", "12.02", "alipay", None, None, "paid", "paid", 1202, "paid at once"),
    ("en", "18.76", "unionpay", "unknown", None, "paid", "paid", 1876, "a wrong signature is not believed; asked, paid"),
    ("en", "19.82", "alipay", "unknown", None, "paid", "paid", 1982, "a wrong amount is not believed; asked, paid"),
    ("en", "22.84", "wechat", "unknown", None, "paid", "paid", 2284, "a gateway's error page; asked, paid"),
    ("en", "23.90", "alipay", None, None, "unpaid", "declined", 0, "refused"),
    ("en", "24.79", "wechat", "acts", "stop", "revoked", "revoked", 0, "the first two revokes fail"),
    ("en", "27.72", "alipay", "acts", "stop", "revoked", "revoked", 0, "paid in the very moment of the revoke"),
    ("en", "29.71", "wechat", "acts", "park", None, "revoked", 0, "stopped, left to the background, checked in the list"),
    ("zh", "33.02", "tap debit", None, None, "paid", "paid", 3302, "a card is tapped; a small amount needs no PIN"),
    ("zh", "34.51", "tap debit", None, None, "unpaid", "declined", 0, "the card's issuer refuses"),
    ("en", "35.33", "tap phone", None, None, "revoked", "revoked", 0, "an approval with a wrong MAC proves nothing: reversed"),
    ("en", "36.32", "tap debit", None, None, "revoked", "revoked", 0, "approved, and the answer is lost: reversed"),
    ("en", "38.06", "tap credit", None, None, "paid", "paid", 3806, "the next card, after the reversal was answered"),
    ("en", "37.04", "insert refuses", None, None, "revoked", "revoked", 0, "approved by the host, refused by the card: reversed"),
    ("en", "13.03", "621234567890123456789"[:19], None, None, "paid", "paid", 1303, "sold after that; digits typed"),
]

till = subprocess.Popen(
    ["target/debug/shouyin", "--config", f"{OUT}/sandbox/terminal.toml", "--config", f"{OUT}/fast.toml",
     "--data", f"{OUT}/terminal", "--web", "0"],
    stdout=subprocess.PIPE, stderr=open(f"{OUT}/terminal.log", "w"), text=True)
# Also when a story gives up.
atexit.register(till.kill)
page = till.stdout.readline().split("screen: ")[1].strip()
pictures = 0
words = WORDS["zh"]


def post(url):
    return urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=20).read()


def get(url):
    return urllib.request.urlopen(url, timeout=20).read()


def labels():
    return [entry["label"] for entry in json.loads(get(page + "labels"))]


def shows(word):
    return any(label.startswith(word) for label in labels())


def wait(key, seconds=40):
    read(words[key], seconds)


def read(word, seconds=40):
    """Waits for a word on the screen."""
    until = time.monotonic() + seconds
    while not shows(word):
        if time.monotonic() > until:
            picture("gave-up")
            raise SystemExit(f"the screen never said {word}: {labels()}")
        time.sleep(0.02)


def press(label, seconds=20):
    until = time.monotonic() + seconds
    while True:
        try:
            return post(page + "press?label=" + urllib.parse.quote(label))
        except urllib.error.HTTPError as refused:
            if time.monotonic() > until:
                picture("gave-up")
                raise SystemExit(f"no button {label}: {refused}, {labels()}")
            time.sleep(0.02)


def picture(name, frame=None):
    global pictures
    pictures += 1
    open(f"{OUT}/{pictures:02d}-{name}.png", "wb").write(frame or get(page + "frame.png"))


def at_reader(words_of_script):
    request = urllib.request.Request(SANDBOX["wallet"] + "desk/reader", words_of_script.encode(), method="POST")
    urllib.request.urlopen(request, timeout=20).read()


def is_card(how):
    return how.split()[0] in ("tap", "insert")


def present(how, name):
    """Shows a code to the camera, or types it. Returns when the code was taken, with the moment it was shown."""
    if how.isdigit():
        press(words["type"])
        wait("manual")
        for digit in how:
            press(digit)
        read(words["typed"].format(len(how)))
        picture(f"{name}-manual")
        shown = time.monotonic()
        press(words["confirm"])
    elif is_card(how):
        shown = time.monotonic()
        at_reader(how)
        if how.startswith("insert"):
            wait("pin")
            picture(f"{name}-pin")
            at_reader("pin 123456")
    else:
        shown = time.monotonic()
        post(SANDBOX["wallet"] + f"show?wallet={how}")
    seen = None
    while shows(words["prompt"]) or shows(words["manual"]) or shows(words["pin"]):
        seen = get(page + "frame.png")
        if time.monotonic() > shown + 10:
            picture("not-read")
            raise SystemExit(f"the code of {name} was not taken: {labels()}")
    if how.isalpha() and seen:
        # The last one before the code was read: the phone in front of the camera.
        picture(f"{name}-code", seen)
    return shown, time.monotonic()


def meanwhile(act, name):
    """What the cashier does while the result is open."""
    if act in ("stop", "park"):
        press(words["stop"])
    if act != "park":
        return
    press(words["next"])
    wait("keypad")
    press(words["open"])
    wait("list")
    picture(f"{name}-list")
    row = next(label for label in labels() if label.startswith(words["query"] + " "))
    press(row)
    press(words["home"])
    wait("keypad")
    until = time.monotonic() + 40
    while not any("P32" in label for label in labels()):
        if time.monotonic() > until:
            raise SystemExit(f"nobody told how the background sale ended: {labels()}")
        time.sleep(0.02)
    picture(f"{name}-told")


def leave(end, act):
    """Back to the keypad."""
    if end == "paid":
        press(words["next"])
    elif act == "again":
        press(next(label for label in labels() if label.startswith("再收")))
        wait("prompt")
        press(words["cancel"])
        press(words["clear"])
    elif end:
        press(words["back"])
    wait("keypad")


def play(number, story):
    global words
    language, amount, how, between, act, end, _, _, means = story
    if words is not WORDS[language]:
        press("English" if language == "en" else "中文")
        words = WORDS[language]
    wait("keypad")
    name = f"{number:02d}-{amount}"
    began = time.monotonic()
    for key in amount:
        press(key)
    read(f"¥{float(amount):,.2f}")
    picture(f"{name}-typed")
    press(words["charge"])
    wait("prompt")
    prompted = time.monotonic()
    shown, taken = present(how, name)
    if between:
        wait(between)
        picture(f"{name}-{between}")
    meanwhile(act, name)
    if end:
        wait(end)
    ended = time.monotonic()
    seen = [label for label in labels() if label.startswith(words[end])] if end else ["P32"]
    if end:
        picture(f"{name}-{end}")
    if is_card(how):
        at_reader("pull")
    elif how.isalpha():
        post(SANDBOX["wallet"] + "hide")
    leave(end, act)
    stages = {"type_amount": prompted - began, "show_code": shown - prompted, "read_code": taken - shown,
              "result": ended - taken, "whole": ended - began}
    return {"amount": amount, "language": language, "entry": "manual" if how.isdigit() else "card" if is_card(how) else "camera",
            "wallet": "digits" if how.isdigit() else how, "story": means, "screen": seen[0] if seen else None,
            "stage_seconds": {stage: round(seconds, 3) for stage, seconds in stages.items()}}


def hold_and_charge():
    """A card holds an amount with its PIN; later it is charged without the card. In English, as the story before."""
    wait("keypad")
    for key in "66.00":
        press(key)
    press(words["charge"])
    wait("prompt")
    picture("hold-offered")
    press("Pre-auth")
    read("Pre-auth: ask")
    picture("hold-prompt")
    at_reader("tap debit")
    # The reader takes one PIN in thirty seconds, and says so; before that nobody can type.
    wait("pin", 60)
    at_reader("pin 123456")
    read("Pre-authorised")
    picture("hold-held")
    press(words["next"])
    wait("keypad")
    read("Sale ")
    press(next(label for label in labels() if label.startswith("Sale ")))
    read("Charge hold")
    picture("hold-record")
    press("Charge hold")
    read("Charge the hold")
    picture("hold-charge")
    press("Charge")
    wait("paid")
    picture("hold-charged")
    press(words["next"])
    wait("keypad")


def held(sales, booked):
    """What is wrong with the hold and its completion, the last two sales of the journal."""
    problems = []
    for sale, business, fen in zip(sales, ("hold", "completion"), (0, 6600)):
        net = booked.pop(sale["order_no"], 0)
        ok = (sale["business"], sale["state"], net) == (business, "paid", fen)
        print(f"{'ok   ' if ok else 'WRONG'} {sale['order_no']}    66.00 {sale['state']:<9} card            a {business}, {net} fen charged")
        if not ok:
            problems.append(sale["order_no"])
    return problems if len(sales) == 2 else problems + [f"{len(sales)} sales of a hold"]


def journal():
    """Reads the stopped terminal's journal: order number to its facts."""
    database = f"{OUT}/terminal/journal.db"
    subprocess.run(["target/debug/shouyinctl", "journal", "verify", database, "--mirror",
                    f"{OUT}/terminal/mirror.log"], check=True, stdout=subprocess.DEVNULL)
    lines = subprocess.run(["target/debug/shouyinctl", "journal", "export", database], check=True, text=True,
                           stdout=subprocess.PIPE).stdout.splitlines()
    sales = {}
    for fact in (json.loads(json.loads(line)["body"]) for line in lines):
        if fact["fact"] == "intent_recorded":
            sales[fact["txn"]] = {"order_no": fact["order_no"], "voucher": f"{fact['voucher']:06d}",
                                  "amount_fen": fact["amount"], "entry": fact["entry"], "state": "open",
                                  "business": (fact.get("purpose") or {}).get("business", "sale")}
        elif fact["fact"] == "closed":
            sale, evidence = sales[fact["txn"]], fact.get("evidence")
            sale["state"] = fact["outcome"]
            sale["payer_amount_fen"] = evidence and evidence["payer_amount"]
    return list(sales.values())


def printed():
    return json.loads(get(PRINTER["bench"] + "slips"))["slips"]


def slips(sales):
    """Waits for the slips, and tells what is wrong: each paid sale has one for the shop and one for the customer."""
    paid = [sale["order_no"] for sale in sales if sale["state"] == "paid"]
    problems = []
    found = printed()
    for order in paid:
        own = [slip for slip in found if f"[QR {order}]" in slip["text"]]
        if len(own) != 2 or not all(slip["whole"] and slip["unknown"] == 0 for slip in own):
            problems.append(f"{order} has {len(own)} slips")
        if any("重打印" in slip["text"] for slip in own):
            problems.append(f"{order} has a slip that is marked")
    if len(found) != 2 * len(paid):
        problems.append(f"{len(found)} slips of {len(paid)} paid sales")
    return problems


began = time.monotonic()
report = [play(number, story) for number, story in enumerate(STORIES, 1)]
hold_and_charge()
until = time.monotonic() + 40
while len(printed()) < 2 * (2 + sum(story[6] == "paid" for story in STORIES)) and time.monotonic() < until:
    time.sleep(0.1)
till.send_signal(2)
till.wait(20)
ledger = json.loads(get(SANDBOX["ledger"]))
booked = {order["out_trade_no"]: order["net_charged"] for order in ledger["orders"]}
sales, wrong = journal(), []
wrong += held(sales[len(STORIES):], booked)
if len(sales) != len(STORIES) + 2 or till.returncode != 0 or ledger["sum"] != 0:
    wrong.append(f"{len(sales)} sales in the journal, exit {till.returncode}, books differ by {ledger['sum']}")
for entry, sale, (_, _, _, _, _, _, state, fen, _) in zip(report, sales, STORIES):
    entry |= sale
    entry["net_charged_fen"] = booked.pop(sale["order_no"], 0)
    entry["expected"] = {"state": state, "net_charged_fen": fen}
    entry["ok"] = (sale["state"] == state and entry["net_charged_fen"] == fen and bool(entry["screen"])
                   and sale["amount_fen"] == round(float(entry["amount"]) * 100))
    if not entry["ok"]:
        wrong.append(entry["order_no"])
    stages = entry["stage_seconds"]
    print(f"{'ok   ' if entry['ok'] else 'WRONG'} {entry['order_no']} {entry['amount']:>8} {entry['state']:<9}"
          f" {entry['entry']:<7} {stages['whole']:6.2f} s  {entry['story']}")
wrong += slips(sales)
if any(booked.values()):
    wrong.append(f"orders that nobody made were charged: {booked}")
seconds = round(time.monotonic() - began, 1)
json.dump({"sales": report, "wrong": wrong, "seconds": seconds, "pictures": pictures},
          open(f"{OUT}/report.json", "w"), indent=1, ensure_ascii=False)
print(f"{len(printed())} slips in {OUT}/slips")
print(f"{len(sales)} sales on the screen in {seconds} s, {len(wrong)} wrong, {pictures} pictures; see {OUT}/report.json")
sys.exit(1 if wrong else 0)
