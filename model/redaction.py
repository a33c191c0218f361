"""Takes personal data out of messages before anything is stored: a placeholder stands for what was there.

>>> redact("我的电话是138 0013 8000，尽快")
'我的电话是[手机号]，尽快'
>>> redact("满200减30的券怎么用")
'满200减30的券怎么用'
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from stdnum import ean, luhn
from stdnum.cn import ric


class Kind(StrEnum):
    """What was found; the value stands in the text in its place."""

    mobile = "手机号"
    telephone = "电话"
    identity_card = "身份证号"
    bank_card = "银行卡号"
    number = "单号"  # Order and waybill numbers.
    email = "邮箱"
    wechat = "微信号"
    qq = "QQ号"
    address = "地址"


@dataclass(frozen=True, slots=True)
class Found:
    """Personal data at [start, end) of the text."""

    kind: Kind
    start: int
    end: int


def redact(text: str) -> str:
    """The text with a placeholder such as [手机号] for every piece of personal data."""
    parts = []
    done = 0
    for found in find(text):
        parts += [text[done : found.start], f"[{found.kind}]"]
        done = found.end
    return "".join([*parts, text[done:]]) if parts else text


def find(text: str) -> list[Found]:
    """Personal data in the text, in order, without overlaps."""
    seen = text if text.isascii() else text.translate(_AS_ASCII)
    if not _MAY_HOLD.search(seen):
        return []
    taken: list[Found] = []
    for find_kind in (_find_numbers, _find_addresses):
        for found in find_kind(seen):
            if not any(other.start < found.end and found.start < other.end for other in taken):
                taken.append(found)
    return sorted(taken, key=lambda found: found.start)


def _foreign_digits() -> Iterator[tuple[int, str]]:
    for code in range(128, sys.maxunicode + 1):
        digit = unicodedata.digit(chr(code), None)
        if digit is not None:
            yield code, str(digit)


# Every script's digits and the full-width letters and signs as ASCII, one character for one, so that offsets hold.
_AS_ASCII = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
_AS_ASCII |= dict(_foreign_digits())
_AS_ASCII |= {ord("幺"): "1", ord("〇"): "0"} | {
    ord(sign): str(digit) for digit, sign in enumerate("零壹贰叁肆伍陆柒捌玖")
}

# What people put between the digits of a number: blanks, dashes, dots, brackets, invisible characters, keycap marks.
_GAP = "[\\s~\\-\u2010-\u2015\u2212_.·*/|()\u00ad\u200b-\u200f\u2060\ufeff\ufe0f\u20e3]{0,3}"

# A message without any of these holds nothing to redact; most messages end here.
_MAY_HOLD = re.compile(
    r"\d{4}|\d[^\d\u4e00-\u9fff]{1,4}\d|@|[路街巷弄道村镇乡区县栋幢座楼室址信]|单元|[vVwW][xX]|[加+][vV]"
    rf"|(?i:weixin|wechat)|一{_GAP}[3-9三四五六七八九]|1{_GAP}[三四五六七八九]"
)

_HAN = "[\u4e00-\u9fff]"
_IS = r"(?:号码|号|码|编号|账号|ID|id)?[\s:#]*(?:是|为|改成|换成)?[\s:#]*"
_MOBILE_DIGIT = "[0-9OoIl一二三四五六七八九]"
# How people group a mobile number's eleven digits; other groups are sizes and prices in a row.
_MOBILE_GROUPS = frozenset(
    {(11,), (3, 4, 4), (3, 8), (7, 4), (4, 7), (4, 4, 3), (4, 3, 4), (3, 3, 5), (5, 6), (6, 5), (2, 3, 3, 3)}
    | {(3, 4, 2, 2), (3, 2, 2, 2, 2), (1, 3, 3, 4), (1,) * 11}
)
# stdnum's own check refuses counties that its list does not have in the year of birth.
_IDENTITY = re.compile(r"[1-9]\d{5}(?:19|20)\d\d(?:0[1-9]|1[0-2])[0-3]\d{4}[\dX]")
_DATE = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])")


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a number may look like, and what a match of it is: a kind, or nothing. Its first group is the number."""

    regex: re.Pattern[str]
    judge: Callable[[str, str], Kind | None]


def _always(kind: Kind) -> Callable[[str, str], Kind | None]:
    return lambda _match, _number: kind


def _judge_mobile(_match: str, number: str) -> Kind | None:
    groups = tuple(len(group) for group in re.findall(f"{_MOBILE_DIGIT}+", number))
    return Kind.mobile if groups in _MOBILE_GROUPS else None


def _judge_wechat(match: str, number: str) -> Kind | None:
    """A name of letters only counts where the words say that it is one: 微信wechat支付 is none."""
    said = re.search(r"[:\s是为号]", match.removesuffix(number))
    return Kind.wechat if said or re.search(r"[\d_-]", number) else None


def _judge_named_number(_match: str, number: str) -> Kind | None:
    digits = sum(character.isdigit() for character in number)
    return None if digits < 6 or _DATE.fullmatch(number) else Kind.number


def _judge_long_number(match: str, number: str) -> Kind | None:
    """12 digits or more: identity card by its check digit, bank card by Luhn, barcode (kept), else an order."""
    digits = re.sub(r"[ -]", "", number).upper()
    if _IDENTITY.fullmatch(digits) and ric.calc_check_digit(digits) == digits[-1]:
        return Kind.identity_card
    if digits.endswith("X"):
        return Kind.identity_card if re.fullmatch(r"[1-9]\d{5}(?:19|20)\d{9}X", digits) else None
    in_fours = re.fullmatch(r"62\d{2}(?:[ -]\d{4}){3}(?:[ -]\d{1,3})?", number)
    if in_fours or (15 <= len(digits) <= 19 and digits[0] in "3456" and luhn.is_valid(digits)):
        return Kind.bank_card
    if re.match("批号|批次|条码|条形码|货号|型号", match) or (
        len(digits) == 13 and digits[:2] == "69" and ean.is_valid(digits)
    ):
        return None
    return Kind.number if digits == number or re.fullmatch(r"\d{6}-\d{15}", number) else None


_SHAPES = (
    _Shape(
        re.compile(r"([A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,4})"), _always(Kind.email)
    ),
    _Shape(
        re.compile(
            f"(?<![0-9])(?:(?:\\+|00)?86{_GAP})?([1一]{_GAP}[3-9三四五六七八九](?:{_GAP}{_MOBILE_DIGIT}){{9}})(?![0-9])"
        ),
        _judge_mobile,
    ),
    _Shape(
        re.compile(r"(?<![\dA-Za-z])(?<!\d-)(\d(?:[ -]?\d){16}[Xx]|\d(?:[ -]?\d){14,18})(?![\dA-Za-z])"),
        _judge_long_number,
    ),
    _Shape(
        re.compile(
            r"(?:[微薇威徽唯][^\w,.!?，。！？]{0,2}信|(?:[wW]ei|[vV])[^\w,.!?，。！？]{0,2}信|(?<![A-Za-z])(?:weixin|wechat|vx|wx|VX|WX|Vx|Wx)|[加+][vV])"
            rf"{_IS}([A-Za-z][A-Za-z0-9_-]{{5,19}}|\d{{5,12}}(?![\d元块.]))"
        ),
        _judge_wechat,
    ),
    _Shape(
        re.compile(rf"(?:[qQ]{{2}}|扣扣|企鹅|球球)群?{_IS}([1-9]\d{{1,4}}(?:[ -]?\d{{2,5}}){{1,3}})(?![\d元块.])"),
        _always(Kind.qq),
    ),
    _Shape(
        re.compile(
            r"(?<![\dA-Za-z])(\(?0\d{2,3}[ \-)/]{0,2}[2-9]\d{2,3}[ -]?\d{4}(?:[ ]?(?:转|-|#)[ ]?\d{1,5})?)(?!\d)"
        ),
        _always(Kind.telephone),
    ),
    _Shape(re.compile(r"(?<!\d)([48]00[ -]?\d{3}[ -]?\d{4}|[48]00[ -]\d{4}[ -]\d{3})(?!\d)"), _always(Kind.telephone)),
    _Shape(
        re.compile(rf"(?:电话|座机|固话|[tT][eE][lL]){_IS}([2-9]\d{{2,3}}[ -]?\d{{4}})(?!\d)"), _always(Kind.telephone)
    ),
    _Shape(
        re.compile(
            rf"(?:订单|单号|运单|快递|物流|退款|交易|包裹|编号)(?:单)?{_IS}"
            r"([A-Za-z]{0,6}\d[A-Za-z0-9]{5,31}(?:-[A-Za-z0-9]{3,20}){0,2})"
        ),
        _judge_named_number,
    ),
    _Shape(
        re.compile(r"(?<![A-Za-z0-9])(?!SC\d{14})([A-Za-z]{1,6}[- ]?\d(?:[ ]?\d){8,19}[A-Za-z]{0,2})(?![A-Za-z0-9])"),
        _always(Kind.number),
    ),
    _Shape(
        re.compile(r"(?:(?:批号|批次|条码|条形码|货号|型号)[\s:是为]*)?(?<![\dA-Za-z])(\d(?:[ -]?\d){11,31})(?!\d)"),
        _judge_long_number,
    ),
)


def _find_numbers(seen: str) -> Iterator[Found]:
    for shape in _SHAPES:
        for match in shape.regex.finditer(seen):
            kind = shape.judge(match[0], match[1])
            if kind is not None:
                yield Found(kind, *match.span(1))


_PROVINCE = (
    "北京|天津|上海|重庆|河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东|海南|四川|贵州"
    "|云南|陕西|甘肃|青海|台湾|内蒙古|广西|西藏|宁夏|新疆|香港|澳门"
)
ESTATE_NAME = 8  # Characters.
_FEW = "[\\d一二三四五六七八九十]"
_ROOM = (
    rf"(?:\s?(?:[A-Za-z]?{_FEW}{{1,5}}\s?(?:号楼|栋|幢|座|单元|期|室|房|号|户|楼|层|门|#)|[A-Za-z](?:栋|幢|座|塔)"
    r"|[A-Za-z]?\d{2,5}(?:-\d{1,4})?(?![\d元块包袋个]))"
    ")"
)
_ROAD = (
    f"(?:大道|大街|胡同|路|街|巷|弄|道)(?:[东南西北中]?{_FEW}{{0,3}}段)?"
    r"\s?\d{1,5}(?:[-—之]\d{1,4})?\s?(?:号|弄|巷)"
)
_PLACE = (
    "小区|花园|花苑|公寓|家园|新村|大厦|广场|公馆|宿舍|大学|学院|中学|小学|医院|工业园|科技园|产业园|写字楼|中心|山庄"
    "|华府|雅苑|名苑|佳苑|新城|嘉园|国际|市场|苑|城|府|湾|郡|庭|里"
)
# What makes words a place where somebody lives: a road's number, a building's room, a village's group.
_SITE = re.compile(
    f"{_HAN}{{1,8}}?{_ROAD}"
    f"|{_HAN}{{1,10}}?(?:{_PLACE})[东南西北]?区?{_ROOM}{{1,4}}"
    rf"|\d{{1,4}}(?:号楼|栋|幢|座)\s?(?:{_FEW}{{1,2}}单元\s?)?\d{{2,5}}(?:室|房|号|户)?"
    rf"|{_FEW}{{1,3}}单元\s?\d{{2,5}}(?:室|房|号|户)?"
    f"|{_HAN}{{1,6}}?(?:村|屯|寨|庄){_HAN}{{0,4}}?{_FEW}{{1,4}}(?:组|队|社|号|巷|排)"
    f"|{_HAN}{{1,6}}?(?:镇|乡|街道){_HAN}{{1,6}}?(?:村|社区|屯)(?!里|民)"
    f"|(?:{_PROVINCE})省?{_HAN}{{2,6}}?(?:市|州|盟){_HAN}{{1,5}}?(?:区|县|市|旗){_HAN}{{0,8}}?(?:{_PLACE}|镇|乡|街道|村|路|街|厂|店)"
)
_NAMED = re.compile(r"地址(?:是|为|改成|改为|换成|改到|换到|:|\s){1,4}([^,;!?，。；！？、\n]{4,60})")
_PLACE_SIGN = re.compile(r"[省市区县镇乡村路街巷弄号栋幢楼室苑]")
_AREA = re.compile(f"(?:{_PROVINCE})|{_HAN}{{2,4}}?(?:市|县|区)")
_MORE = re.compile(
    f"(?:{_HAN}{{0,6}}?{_ROAD}|{_HAN}{{0,8}}?(?:{_PLACE}|村|学校|公司|店|驿站|楼(?=\\d))|{_HAN}{{0,4}}?{_FEW}{{1,3}}(?:组|队|社)|{_ROOM}){{0,6}}"
)
_CLAUSE = re.compile(r"[^,;!?，。；！？、\s:]*\Z")
# Words before an address that belong to the sentence, not to it.
_LEADING = re.compile(
    "(?:麻烦|请|帮忙|帮我|给我|把|我的|我家|我们|咱们|家里|公司|现在|新的|重新|快递|包裹|送到|寄到|发到|改到|改成|改为|换成"
    "|换到|寄去|发去|邮到|退到|退回|住在|住|位于|就在|收货|收件|寄件|退货|详细|地址|填的|写的|应该|是|在|到|为|去|往|从|我|的|了|亲|您好|你好)*"
)


def _find_addresses(seen: str) -> Iterator[Found]:
    for match in _NAMED.finditer(seen):
        signs = _PLACE_SIGN.findall(match[1])
        if len(signs) > 1 or (signs and any(character.isdigit() for character in match[1])):
            yield Found(Kind.address, *match.span(1))
    for match in _SITE.finditer(seen):
        start = match.start()
        clause = _CLAUSE.search(seen, max(0, start - 30), start)
        area = _AREA.search(seen, clause.start() if clause else start, match.end())
        if area:
            start = min(start, area.start())
        elif clause and seen[start].isdigit():  # A building's number: its estate's name stands before it.
            start = max(clause.start(), start - ESTATE_NAME)
        leading = _LEADING.match(seen, start, match.end())
        more = _MORE.match(seen, match.end())
        yield Found(Kind.address, leading.end() if leading else start, more.end() if more else match.end())
