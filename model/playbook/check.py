"""Does the playbook fit together? Facts, slots, ties, replies for every issue, compliance of every template."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from model.context import Context
from model.errors import InputError
from model.playbook.book import REMEDIES, Playbook, expand_issues, known_facts_of
from model.playbook.conditions import Condition, Scalar, holds
from model.playbook.kinds import DeadlineRule
from model.playbook.layers import Placed
from model.playbook.rules import Rule, domain
from model.playbook.templates import Template
from model.taxonomy import Taxonomy

# Kinds of which the most specific rule wins; of the others all that apply are shown.
SINGLE_WINNER = ("remedies.yaml", "freight.yaml", "guarantees.yaml", "customers.yaml", "stages.yaml", "statutory.yaml")


def problems(playbook: Playbook, taxonomy: Taxonomy) -> Iterator[InputError]:
    """Every mistake, each with file, line, entry and remedy."""
    known = known_facts_of(playbook)
    for placed in playbook.sources.rules.values():
        for rule in placed:
            yield from _rule_problems(playbook, rule, known)
    for name in SINGLE_WINNER:
        yield from ties(playbook.sources.rules[name], taxonomy)
    yield from _same_ids(playbook)
    yield from _policy_problems(playbook, taxonomy)
    for code in taxonomy.customer_by_code:
        if not playbook.handling[taxonomy.issues[0].code].resolve({"customer": code}).winners:
            yield InputError(f"客户类型 {code} 没有应对步骤", remedy="请补上它的步骤", path="customers.yaml")
    for item in playbook.sources.templates:
        yield from _template_problems(playbook, taxonomy, item, known)
    for code, templates in playbook.templates.items():
        if not any(is_always_sayable(template, playbook) for template in templates):
            yield InputError(
                f"{code} 没有一条随时能说的话术（不带空位、条件和当天的承诺）",
                remedy="至少写一条",
                path="templates",
            )


def is_always_sayable(template: Template, playbook: Playbook) -> bool:
    """Whether a reply can be given whatever is known, to anyone and at any hour."""
    bound = template.slots or template.when or template.unless or template.customers or template.remedies
    return not bound and not promises_today(template, playbook)


def promises_today(template: Template, playbook: Playbook) -> bool:
    """Whether it promises something within the working day, which is untrue at night."""
    return any(promise in template.text for promise in playbook.policy.same_day_promises)


def _rule_problems(playbook: Playbook, item: Placed[Rule], known: set[str]) -> Iterator[InputError]:
    rule = item.entry
    for name in sorted(rule.facts - known):
        yield item.mistake(f"没有事实 {name}", "写接口 context 里的、cues.yaml 里的或推导出来的事实")
    for name in rule.when:
        if name in known and name not in playbook.questions and item.path.name in {"remedies.yaml", "freight.yaml"}:
            yield item.mistake(f"事实 {name} 没有写怎么问", "在 facts.yaml 里补一句，或把 when: 改成 given:")
    if isinstance(rule, DeadlineRule) and rule.start not in {None, "now"} | set(Context.model_fields):
        yield item.mistake(f"没有时间 {rule.start}", "写接口 context 里的时间，或 now")


def _policy_problems(playbook: Playbook, taxonomy: Taxonomy) -> Iterator[InputError]:
    policy = playbook.policy
    known = {"问题类型": set(taxonomy.issue_by_code), "大类": {group.code for group in taxonomy.groups}}
    known["品类"] = set(playbook.product_lines)
    named = {"问题类型": (*policy.carried_on, *policy.requests_after_a_fault), "大类": policy.fault_groups}
    named["品类"] = (*policy.like_biscuit, *policy.food)
    for kind, names in named.items():
        for name in sorted(set(names) - known[kind]):
            yield InputError(f"没有{kind} {name}", remedy="请改正", path="policy.yaml")


def _same_ids(playbook: Playbook) -> Iterator[InputError]:
    """One id, one rule, across all files: an answer names rules by id alone."""
    first: dict[str, str] = {}
    for placed in playbook.sources.rules.values():
        for item in placed:
            if (other := first.setdefault(item.entry.id, item.path.name)) != item.path.name:
                yield item.mistake(f"{other} 里也有这个 id", "给其中一个换一个 id")


def ties(placed: Sequence[Placed[Rule]], taxonomy: Taxonomy) -> Iterator[InputError]:
    """Pairs of equally specific rules that can both apply, with no more specific one above them."""
    codes = {item.entry.id: set(expand_issues(item, taxonomy)) for item in placed}
    for one, other in itertools.combinations(placed, 2):
        if one.entry.specificity != other.entry.specificity:
            continue
        shared = codes[one.entry.id] & codes[other.entry.id]
        if not shared or not _compatible(one.entry, other.entry):
            continue
        above = [
            item.entry
            for item in placed
            if item.entry.specificity > one.entry.specificity and shared <= codes[item.entry.id]
        ]
        if _both_win(one.entry, other.entry, above):
            yield other.mistake(
                f"和 {one.entry.id} 分不出先后：{sorted(shared)[0]} 两条都可能适用",
                "给其中一条加条件或 priority",
            )


def _compatible(one: Rule, other: Rule) -> bool:
    """Whether some value of every shared fact lets both apply."""
    wanted = {**one.when, **one.given}, {**other.when, **other.given}
    for name in wanted[0].keys() & wanted[1].keys():
        pair = [wanted[0][name], wanted[1][name]]
        if not any(all(condition.holds(value) for condition in pair) for value in domain(pair)):
            return False
    for wants, rule in ((wanted[0], other), (wanted[1], one)):
        for name, barred in rule.unless.items():
            if name in wants and all(
                barred.holds(value) for value in domain([wants[name], barred]) if wants[name].holds(value)
            ):
                return False
    return True


MAX_TIE_WORLDS = 20_000


def _both_win(one: Rule, other: Rule, above: Sequence[Rule]) -> bool:
    """Whether there is a case in which both apply and none of the rules above does. Facts may stay unknown."""
    names = sorted(one.facts | other.facts)
    relevant = [rule for rule in above if set(rule.when) | set(rule.given) <= set(names)]
    choices: list[list[Scalar | None]] = []
    for name in names:
        conditions = [
            part[name]
            for rule in (one, other, *relevant)
            for part in (rule.when, rule.given, rule.unless)
            if name in part
        ]
        choices.append([*domain(conditions), None])
    for world in itertools.islice(itertools.product(*choices), MAX_TIE_WORLDS):
        facts = {name: value for name, value in zip(names, world, strict=True) if value is not None}
        if one.holds(facts) and other.holds(facts) and not any(rule.holds(facts) for rule in relevant):
            return True
    return False


def _template_problems(
    playbook: Playbook, taxonomy: Taxonomy, item: Placed[Template], known: set[str]
) -> Iterator[InputError]:
    template = item.entry
    for customer in template.customers:
        if customer not in taxonomy.customer_by_code:
            yield item.mistake(f"没有客户类型 {customer}", "写 taxonomy.yaml 里的代码")
    for name in sorted(template.facts - known):
        yield item.mistake(f"没有事实 {name}", "写接口 context 里的、cues.yaml 里的或推导出来的事实")
    for remedy in template.remedies:
        if remedy not in REMEDIES:
            yield item.mistake(f"没有处理方式 {remedy}", f"写 {'、'.join(sorted(REMEDIES))} 之一")
    if _contradicts_itself(template.when, template.unless):
        yield item.mistake("永远说不出来：when 和 unless 互相排斥", "改正其中一个")
    for violation in playbook.compliance.check(template.text):
        yield item.mistake(f"{violation.rule} {violation.name}: “{violation.words}”", violation.instead)
    if "你" in template.text.replace("你们", ""):
        yield item.mistake("用了“你”", "对买家称“您”")


def _contradicts_itself(when: dict[str, Condition], unless: dict[str, Condition]) -> bool:
    for name, condition in unless.items():
        if name in when:
            fitting = [value for value in domain([when[name], condition]) if holds({name: when[name]}, {name: value})]
            if fitting and all(condition.holds(value) for value in fitting):
                return True
    return False
