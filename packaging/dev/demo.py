"""Drives the terminal's console for the demo and checks every outcome against the sandbox's ledger."""
import json
import subprocess
import sys
import time
import urllib.request

out = sys.argv[1]
ledger_url = json.load(open(f"{out}/sandbox.json"))["ledger"]
STORIES = [("12.80", "Paid"), ("9.01", "Paid"), ("5.70", "Paid"), ("6.71", "Revoked"), ("7.75", "Paid"),
           ("8.77", "NotPaid"), ("9.78", "NotPaid"), ("10.83", "Paid"), ("11.85", "Paid"), ("12.90", "NotPaid")]
till = subprocess.Popen(
    ["target/debug/shouyin", "--config", f"{out}/sandbox/terminal.toml", "--config", f"{out}/fast.toml",
     "--data", f"{out}/terminal", "--console"],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(f"{out}/terminal.log", "w"), text=True, bufsize=1)
screens, report, wrong = [], [], 0


def until(words):
    for line in till.stdout:
        screens.append(line.rstrip())
        if any(line.startswith(word) for word in words):
            return line
    raise SystemExit("the terminal ended early, see terminal.log")


until(["[keypad]"])
for number, (amount, expected) in enumerate(STORIES):
    began = time.monotonic()
    till.stdin.write(f"{amount} 2812345678{number:08d}\n")
    until(["[Paying]", "[Paid]", "[NotPaid]"])
    if expected == "Revoked":
        till.stdin.write("stop\n")
    line = screens[-1]
    if line.startswith("[Paying]"):
        line = until(["[Paid]", "[NotPaid]", "[Revoked]"])
    state = line[1:line.index("]")]
    order = line.split("order …")[1].split(" ")[0].strip()
    report.append({"amount": amount, "state": state, "expected": expected, "order_tail": order,
                   "seconds": round(time.monotonic() - began, 3)})
    wrong += state != expected
till.stdin.write("quit\n")
till.wait(20)
ledger = json.load(urllib.request.urlopen(ledger_url))
for sale in report:
    fen = round(float(sale["amount"]) * 100)
    net = sum(o["net_charged"] for o in ledger["orders"] if o["out_trade_no"].endswith(sale["order_tail"]))
    sale["net_charged"] = net
    wrong += net != (fen if sale["state"] == "Paid" else 0)
json.dump({"sales": report, "wrong": wrong}, open(f"{out}/report.json", "w"), indent=1)
open(f"{out}/screens.txt", "w").write("\n".join(screens) + "\n")
for sale in report:
    print(sale)
print(f"{len(report)} sales, {wrong} wrong; see {out}/report.json")
sys.exit(1 if wrong else 0)
