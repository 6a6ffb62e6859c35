"""What an agent does to test items so that they no longer read the same."""

from __future__ import annotations

import ast
import base64
import codecs
import gzip
import json
import random
import re
import zlib
from collections.abc import Callable

from bench.audit.strangers.invented import NAMES
from bench.audit.strangers.material import Item

_SYNONYMS = {
    "how many": "what number of", "how much": "what amount", "each": "every", "total": "overall",
    "buys": "purchases", "bought": "purchased", "gives": "hands", "gave": "handed", "has": "owns",
    "had": "owned", "makes": "produces", "made": "produced", "sells": "trades off", "left": "over",
    "sold": "traded off", "needs": "requires", "wants": "wishes", "if": "supposing", "then":
    "afterwards", "after": "following", "before": "ahead of", "and": "as well as", "but": "yet",
    "more": "additional", "than": "compared with", "twice": "two times", "half": "one part in two",
    "write": "compose", "find": "determine", "please": "kindly", "returns": "yields", "return":
    "yield", "list": "sequence", "given": "handed", "the": "that", "a": "one", "in": "inside",
    "for": "on behalf of", "with": "having", "is": "happens to be", "are": "happen to be",
    "of": "belonging to", "to": "towards", "i": "we", "my": "our", "can": "could", "should":
    "ought to", "what": "which", "day": "date", "week": "seven-day span", "money": "cash",
    "people": "persons", "children": "kids", "also": "too", "all": "every one", "number": "count",
    "story": "tale", "about": "regarding", "help": "aid", "people's": "persons'", "was": "had been",
}  # fmt: skip
_KNOWN = re.compile(
    r"\b(" + "|".join(sorted(map(re.escape, _SYNONYMS), key=len, reverse=True)) + r")\b",
    re.IGNORECASE,
)
_WORDS = {
    "de": (
        "the=die a=ein and=und of=von to=zu in=in is=ist are=sind has=hat had=hatte how=wie "
        "many=viele much=viel each=jede if=wenn for=fuer with=mit on=auf from=aus he=er "
        "she=sie they=sie his=sein her=ihr day=Tag days=Tage week=Woche per=pro more=mehr "
        "than=als total=insgesamt buys=kauft sells=verkauft number=Zahl find=finde "
        "write=schreibe what=was when=wenn that=dass I=ich my=mein can=kann be=sein it=es "
        "does=tut will=wird all=alle after=nach two=zwei three=drei read=liest pages=Seiten "
        "page=Seite same=gleiche yesterday=gestern today=heute while=waehrend went=ging "
        "order=bestellen price=Preis every=jeden year=Jahr years=Jahre hours=Stunden "
        "hour=Stunde minutes=Minuten money=Geld cost=Kosten costs=kostet left=uebrig "
        "twice=doppelt half=Haelfte first=erste second=zweite third=dritte last=letzte "
        "people=Leute children=Kinder friends=Freunde friend=Freund school=Schule house=Haus "
        "car=Auto book=Buch books=Buecher old=alt new=neu big=gross small=klein there=dort "
        "their=ihre them=sie him=ihn by=durch at=bei not=nicht no=kein or=oder but=aber "
        "so=also some=einige other=andere only=nur make=machen makes=macht made=machte "
        "needs=braucht need=brauchen gets=bekommt get=bekommen gave=gab gives=gibt "
        "bought=kaufte sold=verkaufte paid=bezahlte spent=gab-aus spends=gibt-aus have=haben "
        "would=wuerde should=soll take=nehmen takes=nimmt amount=Betrag dollars=Dollar "
        "percent=Prozent where=wo which=welche who=wer this=dies these=diese as=wie "
        "into=hinein out=aus up=auf down=ab"
    ),
    "es": (
        "the=el a=un and=y of=de to=a in=en is=es are=son has=tiene had=tenia how=como "
        "many=cuantos much=cuanto each=cada if=si for=para with=con on=sobre from=desde "
        "he=el she=ella they=ellos his=su her=su day=dia days=dias week=semana per=por "
        "more=mas than=que total=total buys=compra sells=vende number=numero find=halla "
        "write=escribe what=que when=cuando that=que I=yo my=mi can=puede be=ser it=ello "
        "does=hace will=va all=todos after=tras two=dos three=tres read=lee pages=paginas "
        "page=pagina same=mismo yesterday=ayer today=hoy while=mientras went=fue order=pedir "
        "price=precio every=todos year=ano years=anos hours=horas hour=hora minutes=minutos "
        "money=dinero cost=costo costs=cuesta left=queda twice=doble half=mitad "
        "first=primero second=segundo third=tercero last=ultimo people=gente children=ninos "
        "friends=amigos friend=amigo school=escuela house=casa car=coche book=libro "
        "books=libros old=viejo new=nuevo big=grande small=pequeno there=alli their=sus "
        "them=ellos him=lo by=por at=en not=no no=ningun or=o but=pero so=asi some=algunos "
        "other=otro only=solo make=hacer makes=hace made=hizo needs=necesita need=necesitan "
        "gets=recibe get=recibir gave=dio gives=da bought=compro sold=vendio paid=pago "
        "spent=gasto spends=gasta have=tienen would=haria should=debe take=tomar takes=toma "
        "amount=cantidad dollars=dolares percent=porciento where=donde which=cual who=quien "
        "this=esto these=estos as=como into=dentro out=fuera up=arriba down=abajo"
    ),
    "fr": (
        "the=le a=un and=et of=de to=vers in=dans is=est are=sont has=a had=avait "
        "how=comment many=combien much=combien each=chaque if=si for=pour with=avec on=sur "
        "from=depuis he=il she=elle they=ils his=son her=sa day=jour days=jours week=semaine "
        "per=par more=plus than=que total=total buys=achete sells=vend number=nombre "
        "find=trouve write=ecris what=quel when=quand that=que I=je my=mon can=peut be=etre "
        "it=cela does=fait will=va all=tous after=apres two=deux read=lit pages=feuilles "
        "page=feuille same=meme yesterday=hier today=aujourdhui while=pendant went=allait "
        "order=commander price=prix every=chaque year=annee years=annees hours=heures "
        "hour=heure minutes=min money=argent cost=cout costs=coute left=reste twice=double "
        "half=moitie first=premier second=deuxieme third=troisieme last=dernier people=gens "
        "children=enfants friends=amis friend=ami school=ecole house=maison car=voiture "
        "book=livre books=livres old=vieux new=nouveau big=grand small=petit there=la "
        "their=leurs them=eux him=lui by=par at=chez not=pas no=aucun or=ou but=mais so=donc "
        "some=quelques other=autre only=seulement make=faire makes=fait made=faisait "
        "needs=exige need=exigent gets=recoit get=recevoir gave=donnait gives=donne "
        "bought=achetait sold=vendait paid=payait spent=depensait spends=depense have=ont "
        "would=ferait should=doit take=prendre takes=prend amount=montant dollars=USD "
        "percent=pourcent where=ou which=lequel who=qui this=ceci these=ces as=comme "
        "into=dedans out=dehors up=haut down=bas"
    ),
}
LANGUAGES = tuple(_WORDS)
_TABLES = {name: dict(pair.split("=") for pair in words.split()) for name, words in _WORDS.items()}
# A text that leaves more words than these beside each other is not retold.
_LEFT_AS_IS = 9
_LOOKALIKE = str.maketrans("aeopcxiy", "аеорсхіу")


def _longest(text: str, known: re.Pattern[str]) -> int:
    """The most words beside each other of which none is `known`."""
    return max(len(re.findall(r"[^\W_]+", part)) for part in known.sub("\0", text).split("\0"))


def reworded(text: str, rng: random.Random) -> str | None:
    """Synonyms, sentences in another order with the question last, a new frame; None where too much
    would stay as it was."""
    if _longest(text, _KNOWN) >= _LEFT_AS_IS:
        return None
    text = _KNOWN.sub(lambda m: _SYNONYMS[m[0].lower()], text)
    sentences = re.split(r"(?<=[.?!])\s+", text)
    if len(sentences) > 3:
        head = sentences[:-1]
        head[0], head[1] = head[1], head[0]
        sentences = [*head, sentences[-1]]
    frame = rng.choice(("Consider this. ", "Here is the situation: ", "Imagine it so: ", ""))
    return frame + " ".join(sentences)


def translated(text: str, language: str) -> str | None:
    """Word by word from a table; None where the table knows too few of the words."""
    table = _TABLES[language]
    known = re.compile(r"\b(" + "|".join(table) + r")\b", re.IGNORECASE)
    if _longest(text, known) >= _LEFT_AS_IS:
        return None
    return re.sub(r"\b\w+\b", lambda m: table.get(m[0].lower(), m[0]), text)


def exchanged(text: str, rng: random.Random) -> str:
    """Numbers and names by others; the rest word for word."""
    starts = set(re.findall(r"(?:^|[.?!\n]\s*)([A-Z][a-z]+)", text))
    inner = set(re.findall(r"(?<=[a-z,] )([A-Z][a-z]{2,})", text))
    for name in sorted(inner | {one for one in starts if text.count(one) > 1}):
        text = re.sub(rf"\b{name}\b", rng.choice(NAMES), text)
    return re.sub(r"\d+", lambda m: str(int(m[0]) + rng.randint(1, 7)), text[:20_000])


def lookalike(text: str, rng: random.Random) -> str:
    """Letters that look the same, or characters without width inside words."""
    if rng.random() < 0.5:
        return text.translate(_LOOKALIKE)
    return re.sub(r"(\w{2})(?=\w)", "\\1\u200b", text)


def encoded(text: str, rng: random.Random) -> tuple[str, str]:
    """The text in other letters, and a Python expression that undoes it from `blob`."""
    raw = text.encode()
    ways: tuple[tuple[Callable[[], str], str], ...] = (
        (lambda: base64.b64encode(raw).decode(), "base64.b64decode(blob).decode()"),
        (lambda: raw.hex(), "bytes.fromhex(blob).decode()"),
        (lambda: codecs.encode(text, "rot13"), "codecs.decode(blob, 'rot13')"),
        (
            lambda: base64.b85encode(zlib.compress(raw)).decode(),
            "zlib.decompress(base64.b85decode(blob)).decode()",
        ),
        (
            lambda: base64.b64encode(gzip.compress(raw, mtime=0)).decode(),
            "gzip.decompress(base64.b64decode(blob)).decode()",
        ),
        (lambda: text[::-1], "blob[::-1]"),
        (lambda: bytes(b ^ 23 for b in raw).hex(), "bytes(b ^ 23 for b in bytes.fromhex(blob))"),
        (lambda: base64.b32encode(raw).decode(), "base64.b32decode(blob).decode()"),
    )
    make, undo = rng.choice(ways)
    return make(), undo


class _Renamer(ast.NodeTransformer):
    """Other names for everything a function binds."""

    def __init__(self, rng: random.Random) -> None:
        self._rng, self._names = rng, dict[str, str]()

    def _new(self, name: str) -> str:
        made = f"{self._rng.choice(('tmp', 'val', 'q', 'node', 'acc'))}{len(self._names)}"
        return self._names.setdefault(name, made)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self._new(node.name)
        if ast.get_docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
        for argument in node.args.args:
            argument.arg = self._new(argument.arg)
        self.generic_visit(node)
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if isinstance(node.ctx, ast.Store) or node.id in self._names:
            node.id = self._new(node.id)
        return node


def renamed(item: Item, rng: random.Random) -> str:
    """A HumanEval problem solved, with every name changed and the docstring gone."""
    try:
        return ast.unparse(_Renamer(rng).visit(ast.parse(item.question + item.solution)))
    except SyntaxError:
        return item.solution


def jsonl(pairs: list[tuple[str, str]], rng: random.Random) -> str:
    """Question and answer pairs as an agent would write them, in one of the usual schemas."""
    one, two = rng.choice((("prompt", "completion"), ("instruction", "output"), ("q", "a")))
    chat = rng.random() < 0.4
    lines = []
    for asked, answered in pairs:
        row: object = {one: asked, two: answered}
        if chat:
            roles = zip(("user", "assistant"), (asked, answered), strict=True)
            row = {"messages": [{"role": role, "content": text} for role, text in roles]}
        lines.append(json.dumps(row, ensure_ascii=rng.random() < 0.5))
    return "\n".join(lines) + "\n"
