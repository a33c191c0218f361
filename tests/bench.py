"""`make bench`: ours against named rivals in one run, and how cost grows. Prints a report and writes BENCHMARKS.md.

    make bench EVALUATION=gold.csv JD_TRAIN=train.csv JD_TEST=test.csv

Without an evaluation file one voice in ten is held out of the training messages and plays it. Times are CPU seconds and
medians of rounds in which all classifiers take turns, so that a busy machine shifts them little; what counts are the
ratios of one run.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from itertools import islice
from pathlib import Path

import fasttext
import jieba
import joblib
import numpy as np
import yaml
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from snownlp.classification.bayes import Bayes

from model import registry
from model.bulk import predict_file, score_here
from model.classifier import fit
from model.dataset import Message, load_messages, read_messages
from model.inference import Classifier
from model.paths import ROOT, TRAINING_DATA
from model.tables import BATCH
from model.taxonomy import load_taxonomy
from model.text import load_lexicon, normalise
from tests.memory import SINGLE

REPORT = ROOT / "BENCHMARKS.md"
BULK = 10_000
ROUNDS = 5
Predict = Callable[[list[str]], object]

# As shops write them in help-desk robots today: the first rule whose word occurs decides.
KEYWORDS = {
    "escalation": "12315 投诉 举报 工商 曝光 起诉 纠纷单 假一赔十",
    "health_harm": "拉肚子 过敏 医院 起疹 红疹",
    "foreign_object": "头发 虫子 异物 沙子",
    "spoilage": "发霉 变质 过期 臭了 烂了 哈喇 长毛",
    "bulging": "涨袋 漏气 鼓包 胀气",
    "short_shelf_life": "快过期 临期 日期不新鲜",
    "counterfeit": "假货 是正品吗 假的",
    "signed_not_received": "显示签收 没收到货 已签收",
    "missing_item": "少发 漏发 少了 没有赠品",
    "wrong_item": "发错",
    "damaged": "破了 碎了 漏了 压坏 破损",
    "return_freight": "运费险 退货运费 退货邮费",
    "price_difference": "差价 价保 保价 降价",
    "invoice": "发票 开票 专票",
    "warranty_repair": "保修 维修 质保 返修",
    "address_change": "改地址 地址错 地址写错 换地址",
    "cancel_order": "取消订单 取消",
    "refund_status": "退款 到账",
    "return_process": "退货 换货 退换",
    "size_mismatch": "大了 小了 尺码 码数",
    "out_of_stock": "缺货 没货 补货 无货",
    "not_shipped": "发货 没发 催发",
    "in_transit_delay": "物流 快递到哪 还没到 派送",
    "delivery_failed": "拒收 退回",
    "courier_conduct": "快递员 态度 驿站",
    "order_change": "备注 改成 自提 安装",
    "payment": "付款 改价 支付",
    "promotion": "优惠 便宜 包邮 券 活动 赠品",
    "shipping_inquiry": "什么快递 几天到 从哪发",
    "review": "差评 好评 评价",
    "service_attitude": "客服 不回复",
    "account": "密码 登录 会员 白条 京豆 验证码",
    "defect": "坏了 质量 掉色 开线",
    "not_as_described": "不符 不一样",
    "taste_dislike": "不好吃 难吃 不好用 一般",
    "change_of_mind": "不想要 不喜欢 拍错",
    "greeting": "你好 在吗 谢谢 好的",
}


@dataclass(frozen=True)
class Rival:
    """A classifier to compare: `fit(texts, labels)` returns `predict(texts) -> labels` and its size in bytes."""

    name: str
    fit: Callable[[list[str], list[str]], tuple[Callable[[list[str]], list[str]], int]]


def jieba_words(text: str) -> list[str]:
    """jieba's own words; a function of this module, because jieba's holds a lock and cannot be pickled."""
    words: list[str] = jieba.lcut(text)
    return words


def keyword_rules(_texts: list[str], _labels: list[str]) -> tuple[Callable[[list[str]], list[str]], int]:
    rules = [(words.split(), issue) for issue, words in KEYWORDS.items()]

    def predict(texts: list[str]) -> list[str]:
        return [next((i for words, i in rules if any(w in text for w in words)), "other") for text in texts]

    return predict, len(str(KEYWORDS).encode())


def plain_sklearn(texts: list[str], labels: list[str]) -> tuple[Callable[[list[str]], list[str]], int]:
    words = TfidfVectorizer(tokenizer=jieba_words, token_pattern=None, ngram_range=(1, 2))
    pipeline = make_pipeline(words, LinearSVC(random_state=0)).fit(texts, labels)
    return lambda some: list(pipeline.predict(some)), _size(pipeline)


def snownlp_bayes(texts: list[str], labels: list[str]) -> tuple[Callable[[list[str]], list[str]], int]:
    bayes = Bayes()
    bayes.train([[jieba_words(text), label] for text, label in zip(texts, labels, strict=True)])
    with tempfile.TemporaryDirectory() as folder:
        bayes.save(f"{folder}/bayes")
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
    return lambda some: [bayes.classify(jieba_words(text))[0] for text in some], size


def fasttext_by(split: Callable[[str], Sequence[str]], ngrams: int) -> Callable[..., object]:
    def fit_it(texts: list[str], labels: list[str]) -> tuple[Callable[[list[str]], list[str]], int]:
        codes = {f"__label__{i}": label for i, label in enumerate(sorted(set(labels)))}
        name_of = {label: code for code, label in codes.items()}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "train.txt"
            lines = [
                f"{name_of[y]} {' '.join(split(t))}".replace("\n", " ") for t, y in zip(texts, labels, strict=True)
            ]
            path.write_text("\n".join(lines), encoding="utf-8")
            model = fasttext.train_supervised(
                str(path), lr=0.5, epoch=25, wordNgrams=ngrams, dim=100, thread=1, verbose=0, seed=0
            )
            model.save_model(f"{folder}/model.bin")
            size = Path(f"{folder}/model.bin").stat().st_size

        def predict(some: list[str]) -> list[str]:
            # The Python wrapper breaks on NumPy 2; its C++ object does not.
            return [codes[model.f.predict(" ".join(split(text)) + "\n", 1, 0.0, "strict")[0][1]] for text in some]

        return predict, size

    return fit_it


OURS = "**shouhou**（两个分类器、概率、依据；训练含 5 折校准）"
PIPELINES = "同一模型的两条 scikit-learn 流水线 predict_proba"
FASTTEXT = "fastText（jieba 词）"
RIVALS = [
    Rival("scikit-learn 默认流水线（jieba 词 + LinearSVC）", plain_sklearn),
    Rival(FASTTEXT, fasttext_by(jieba_words, 2)),  # type: ignore[arg-type]
    Rival("fastText（字）", fasttext_by(list, 3)),  # type: ignore[arg-type]
    Rival("SnowNLP 贝叶斯", snownlp_bayes),
    Rival("关键词规则", keyword_rules),
]


def _size(model: object) -> int:
    with tempfile.TemporaryDirectory() as folder:
        joblib.dump(model, f"{folder}/model")
        return Path(f"{folder}/model").stat().st_size


def cpu(call: Callable[[], object]) -> float:
    """CPU seconds of a call, its child processes' included."""

    def spent() -> float:
        return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))

    start = spent()
    call()
    return spent() - start


def microseconds(predict: Predict, batches: list[list[str]]) -> float:
    """CPU microseconds a message."""
    start = time.process_time()
    for batch in batches:
        predict(batch)
    return (time.process_time() - start) / sum(map(len, batches)) * 1e6


def median_microseconds(predicts: Sequence[Predict], batches: list[list[str]]) -> list[float]:
    """Of each classifier the median of ROUNDS, after one message to warm up; in each round they take turns."""
    for predict in predicts:
        predict(batches[0][:1])
    rounds = [[microseconds(predict, batches) for predict in predicts] for _ in range(ROUNDS)]
    return [statistics.median(times) for times in zip(*rounds, strict=True)]


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def compare(
    messages: list[Message],
    gold: list[Message],
    taxonomy_dir: Path,
    with_keywords: bool,
    background: Sequence[Message] = (),
) -> str:
    """Two tables on one pair of training and evaluation messages: the classifiers, and the memory of ours."""
    taxonomy = load_taxonomy(taxonomy_dir)
    texts, labels = [m.text for m in messages], [m.issue for m in messages]
    gold_texts, gold_labels = [m.text for m in gold], [m.issue for m in gold]
    fitted = []
    with joblib.parallel_config("sequential"):  # In this process, so that its CPU time is counted.
        train = cpu(lambda: fitted.append(fit(messages, taxonomy, load_lexicon(), background=background)))
    classifier, pipelines = fitted[0].classifier, fitted[0].pipelines
    codes = np.asarray(classifier.issue_codes)

    def ours(some: list[str]) -> list[str]:
        if len(some) == 1:
            return [classifier.predict(some[0]).issues[0].code]
        return list(codes[classifier.probabilities(some)[0].argmax(axis=1)])

    def both_pipelines(some: list[str]) -> list[str]:
        normal = [normalise(text).text for text in some]
        pipelines["customer"].predict_proba(normal)
        return list(codes[pipelines["issue"].predict_proba(normal).argmax(axis=1)])

    names = [OURS, PIPELINES]
    predicts: list[Callable[[list[str]], list[str]]] = [ours, both_pipelines]
    trained = [f"{train:.1f}", "="]
    sizes = [f"{_size(classifier) / 1e6:.1f}", "="]
    for rival in RIVALS:
        if rival.fit is keyword_rules and not with_keywords:
            continue
        results: list[tuple[Callable[[list[str]], list[str]], int]] = []
        seconds = cpu(lambda rival=rival, results=results: results.append(rival.fit(texts, labels)))  # type: ignore[misc]
        names.append(rival.name)
        predicts.append(results[0][0])
        trained.append(f"{seconds:.1f}")
        sizes.append(f"{results[0][1] / 1e6:.1f}")
    # Hardly one of them twice: repeated messages would be quicker than a file's.
    many = [message.text for message in islice(noisy(gold), BULK)]
    single = median_microseconds(predicts, [[text] for text in many[:SINGLE]])
    bulk = median_microseconds(predicts, [many[start : start + BATCH] for start in range(0, BULK, BATCH)])
    rows = []
    for name, predict, *cells in zip(names, predicts, single, bulk, trained, sizes, strict=True):
        predicted = predict(gold_texts)
        accuracy = np.mean([g == p for g, p in zip(gold_labels, predicted, strict=True)])
        f1 = f1_score(gold_labels, predicted, average="macro", zero_division=0)
        rows.append([name, f"{accuracy:.3f}", f"{f1:.3f}", f"{cells[0]:.0f}", f"{cells[1]:.1f}", *cells[2:]])
    rivals_bulk = bulk[names.index(FASTTEXT)]
    with tempfile.TemporaryDirectory() as folder:
        registry.set_current(Path(folder), registry.save(classifier, fitted[0].predictions, Path(folder)).version)
        memory = memory_of_a_loaded_model(Path(folder), many)
        whole_file = microseconds_of_a_file(classifier, many, Path(folder))
    header = ["分类器", "准确率", "宏 F1", "µs/条（逐条）", "µs/条（批量）", "训练 CPU 秒", "模型 MB"]
    return "\n\n".join(
        [
            table(header, rows),
            f"逐条：两条 scikit-learn 流水线 / shouhou = **{single[1] / single[0]:.1f} 倍**；"
            f"批量：fastText（jieba 词）/ shouhou = **{rivals_bulk / bulk[0]:.1f} 倍**；"
            f"整个 csv 文件（`shouhou predict`，连读带写）{whole_file:.1f} µs/条，"
            f"fastText（jieba 词）光打分就是它的 **{rivals_bulk / whole_file:.1f} 倍**。",
            memory,
        ]
    )


def microseconds_of_a_file(classifier: Classifier, texts: list[str], folder: Path) -> float:
    """CPU microseconds a row of a csv file: read, scored, written. The median of ROUNDS."""
    source = folder / "messages.csv"
    with source.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["text"], *([text] for text in texts)])
    scored = partial(predict_file, partial(score_here, classifier), source, folder / "scored.csv", lambda *_: None)
    seconds = [cpu(scored) for _ in range(ROUNDS)]
    return statistics.median(seconds) / len(texts) * 1e6


def memory_of_a_loaded_model(artifacts: Path, texts: list[str]) -> str:
    """What a fresh process takes above its imports (`tests.memory`), as a table."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.memory", str(artifacts)],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=True,
    )
    stages = json.loads(done.stdout)
    imports = stages.pop("imports")
    rows = [[kind, *(f"{stage[kind] - imports[kind]:.0f}" for stage in stages.values())] for kind in imports]
    return table([f"新进程的内存，比导入之后多 MB（导入后 RSS {imports['RSS']:.0f}）", *stages], rows)


def jd_messages(train: Path, test: Path, folder: Path) -> tuple[list[Message], list[Message]]:
    """JD's own label set as a data folder, as a shop would bring its own: `shouhou train --data` takes it."""
    (folder / "messages").mkdir(parents=True)
    rows = {
        name: list(csv.DictReader(path.open(encoding="utf-8"))) for name, path in (("train", train), ("test", test))
    }
    codes = sorted({r["label"] for r in rows["train"]})
    scheme = {"version": "jd", "issues": [{"code": code, "name": code} for code in codes]}
    (folder / "taxonomy.yaml").write_text(yaml.safe_dump(scheme, allow_unicode=True), encoding="utf-8")
    for name, path in (("train", folder / "messages" / "train.csv"), ("test", folder / "test.csv")):
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "issue"])
            writer.writerows((r["text"], r["label"]) for r in rows[name] if r["label"] in set(codes))
    taxonomy = load_taxonomy(folder)
    return load_messages(folder, taxonomy), read_messages(folder / "test.csv", taxonomy)


def noisy(messages: list[Message], seed: int = 0) -> Iterator[Message]:
    """Messages without end, drawn with replacement, each with one character dropped, doubled or exchanged."""
    dice = random.Random(seed)
    while True:
        m = dice.choice(messages)
        at = dice.randrange(len(m.text))
        before, char, after = m.text[:at], m.text[at], m.text[at + 1 :]
        text = before + dice.choice([after, char + char + after, after[:1] + char + after[1:]])
        if normalise(text).text:
            yield replace(m, text=text)


def grow_once(n: int) -> None:
    """Child process: train on `n` messages and score as many others; one JSON line."""
    taxonomy = load_taxonomy()
    authored = load_messages(TRAINING_DATA, taxonomy)
    fitted = []
    with joblib.parallel_config("sequential"):
        messages = list(islice(noisy(authored), n))
        train = cpu(lambda: fitted.append(fit(messages, taxonomy, load_lexicon())))
    memory = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
    classifier = fitted[0].classifier
    others = noisy(authored, seed=1)
    score = 0.0
    for start in range(0, n, BATCH):  # A stream: what is scored need not fit into memory.
        texts = [message.text for message in islice(others, min(BATCH, n - start))]
        score += cpu(lambda texts=texts: classifier.probabilities(texts))  # type: ignore[misc]
    print(json.dumps({"n": n, "train": train, "memory": memory / 1024, "score": score}))


def growth(sizes: list[int]) -> str:
    """Training and bulk scoring at each size, and the exponents between the ends."""
    results = []
    for n in sizes:
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench", "--grow", str(n)], capture_output=True, text=True, check=True
        )
        results.append(json.loads(done.stdout.splitlines()[-1]))
        print(results[-1], file=sys.stderr)
    rows = [
        [
            f"{r['n']:,}",
            f"{r['train']:.0f}",
            f"{r['memory']:.0f}",
            f"{r['score']:.1f}",
            f"{r['score'] / r['n'] * 1e6:.1f}",
        ]
        for r in results
    ]
    first, last = results[0], results[-1]
    span = math.log(last["n"] / first["n"])
    exponents = {key: math.log(last[key] / first[key]) / span for key in ("train", "memory", "score")}
    return (
        table(["消息数", "训练 CPU 秒", "内存峰值 MB（单进程）", "批量打分 CPU 秒", "µs/条"], rows)
        + f"\n\n增长指数（{first['n']:,} → {last['n']:,}）：训练 **{exponents['train']:.2f}**，"
        + f"内存 **{exponents['memory']:.2f}**，批量打分 **{exponents['score']:.2f}**。\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--evaluation", type=Path)
    parser.add_argument("--jd-train", type=Path)
    parser.add_argument("--jd-test", type=Path)
    parser.add_argument("--sizes", default="10000,100000,1000000")
    parser.add_argument("--grow", type=int)
    arguments = parser.parse_args()
    if arguments.grow:
        grow_once(arguments.grow)
        return
    taxonomy = load_taxonomy()
    messages = load_messages(TRAINING_DATA, taxonomy)
    if arguments.evaluation:
        gold, name = read_messages(arguments.evaluation, taxonomy), arguments.evaluation.name
    else:
        voices = sorted({message.voice for message in messages})[::10]
        gold = [message for message in messages if message.voice in voices]
        messages = [message for message in messages if message.voice not in voices]
        name = "留出的作者 " + "、".join(voices)
    libraries = ", ".join(
        f"{lib} {version(lib)}" for lib in ("scikit-learn", "numpy", "rjieba", "jieba", "fasttext-wheel", "snownlp")
    )
    parts = [
        f"{datetime.now(UTC):%Y-%m-%d}，{platform.machine()} {os.cpu_count()} 核，"
        f"Python {platform.python_version()}，{libraries}。",
        f"### 自有标签：{len(messages)} 条训练消息，评估 {name}（{len(gold)} 条）",
        compare(messages, gold, TRAINING_DATA, with_keywords=True),
    ]
    if arguments.jd_train and arguments.jd_test:
        with tempfile.TemporaryDirectory() as folder:
            jd_train, jd_test = jd_messages(arguments.jd_train, arguments.jd_test, Path(folder) / "jd")
            parts += [
                f"### 别家的标签体系：京东 51 类意图，{len(jd_train)} 条训练，{len(jd_test)} 条评估"
                f"（shouhou 另有自带的 {len(messages)} 条消息作背景，如 `shouhou train --data`）",
                compare(jd_train, jd_test, Path(folder) / "jd", with_keywords=False, background=messages),
            ]
    parts += ["### 增长：重采样并加噪的消息", growth([int(size) for size in arguments.sizes.split(",")])]
    write_section("分类器", "\n\n".join(parts))


def write_section(title: str, body: str) -> None:
    """Replace one `## title` section of BENCHMARKS.md, the others stay."""
    head = "# Benchmarks 基准\n\n重复：`make bench`（分类器）。只比较同一次运行里的比值。\n"
    old = REPORT.read_text(encoding="utf-8") if REPORT.exists() else head
    before, _, rest = old.partition(f"\n## {title}\n")
    _, separator, after = rest.partition("\n## ")
    REPORT.write_text(f"{before.rstrip()}\n\n## {title}\n\n{body.rstrip()}\n{separator}{after}", encoding="utf-8")
    print(body)


if __name__ == "__main__":
    main()
