"""What can be set when a pipeline is compiled: images, and how the pod of each stage runs.

Settings come from a YAML file or one by one, `parallelism=8`, `sample.memory_limit=8Gi`; a stage without a setting of
its own has that of `stages`. `docs/settings.md` has the table.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from posterity.errors import SettingsError
from posterity.runs import ORDER

DEFAULT_IMAGE = "posterity/stage:dev"
EVERY_STAGE = "stages"
SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
LABEL = re.compile(r"(?:[a-z0-9.-]{1,253}/)?[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?")
TOLERATION = ("key", "operator", "value", "effect", "tolerationSeconds")
OPERATORS = ("Equal", "Exists")
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def _matching(pattern: str, example: str) -> Callable[[Any], str]:
    """A parser of texts of one form; an empty text stands for none."""

    def parse(value: Any) -> str:
        text = str(value)
        if text and not re.fullmatch(pattern, text):
            raise SettingsError(f"write it like {example}")
        return text

    return parse


def _count(value: Any) -> int:
    if isinstance(value, bool) or not re.fullmatch(r"\d+", str(value)):
        raise SettingsError("a whole number from 0 on is needed")
    return int(value)


def _duration(value: Any) -> int:
    """Seconds from `90m`, `4h`, `2d` or a number of seconds."""
    found = re.fullmatch(r"(\d+)([smhd]?)", str(value))
    if not found or not (seconds := int(found[1]) * SECONDS[found[2]]):
        raise SettingsError("write it like 90m, 4h or 2d")
    return seconds


def _one_of(*choices: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if value not in choices:
            raise SettingsError(f"choose one of {', '.join(choices)}")
        return str(value)

    return parse


def _labels(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise SettingsError("labels are needed, such as {pool: spot}")
    for name, text in value.items():
        if not LABEL.fullmatch(str(name)) or not isinstance(text, str) or (text and not LABEL.fullmatch(text)):
            raise SettingsError(f"{name}={text!r} is not a label of a node; put numbers and true in quotes")
    return {str(name): text for name, text in value.items()}


def _tolerations(value: Any) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise SettingsError("a list is needed, such as [{key: spot, operator: Exists, effect: NoSchedule}]")
    for item in value:
        if unknown := sorted(set(item) - set(TOLERATION)):
            raise SettingsError(f"a toleration has no {', '.join(unknown)}, only {', '.join(TOLERATION)}")
        if item.get("operator", "Equal") not in OPERATORS:
            raise SettingsError(f"operator {item['operator']!r} is none of {', '.join(OPERATORS)}")
        if item.get("effect", "NoSchedule") not in EFFECTS:
            raise SettingsError(f"effect {item['effect']!r} is none of {', '.join(EFFECTS)}")
    return tuple(dict(item) for item in value)


def _setting(default: Any, parse: Callable[[Any], Any], help: str) -> Any:  # noqa: A002
    keywords: dict[str, Any] = (
        {"default_factory": lambda: default} if isinstance(default, dict) else {"default": default}
    )
    return field(metadata={"help": help, "parse": parse}, **keywords)


_image = _matching(r"[a-z0-9][\w.:/-]*[\w](?:@sha256:[0-9a-f]{64})?", "registry.example.org/posterity/stage:1a2b3c")
_name = _matching(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?", "posterity-store")
_cpu = _matching(r"(\d*\.)?\d+m?", "500m or 2")
_memory = _matching(r"\d+(E|Ei|P|Pi|T|Ti|G|Gi|M|Mi|K|Ki)?", "512Mi or 4Gi")


@dataclass(frozen=True)
class StageSettings:
    """How the pod of one stage runs."""

    cpu_request: str = _setting("250m", _cpu, "CPU that a pod is scheduled by; empty: none")
    cpu_limit: str = _setting("", _cpu, "CPU that a pod may use; empty: no limit")
    memory_request: str = _setting("512Mi", _memory, "memory that a pod is scheduled by; empty: none")
    memory_limit: str = _setting("4Gi", _memory, "memory that a pod may use; empty: no limit")
    deadline: int = _setting(4 * 3600, _duration, "longest time of one attempt: `90m`, `4h`, `2d`")
    retries: int = _setting(3, _count, "further attempts after one that failed")
    node_selector: Mapping[str, str] = _setting({}, _labels, "labels that a node must have: `{pool: spot}`")
    tolerations: tuple[Mapping[str, Any], ...] = _setting(
        (), _tolerations, "taints of nodes that a pod puts up with: `[{key: spot, operator: Exists}]`"
    )


RELEASE = ("deploy", "probe", "record", "check", "promote")  # steps of the staging and production pipelines
# Each takes minutes at most; and what two of them refuse, they would refuse again.
QUICK = {"cpu_request": "100m", "memory_request": "256Mi", "deadline": 1800}
STEPS: Mapping[str, Mapping[str, Any]] = {
    name: {**QUICK, "retries": 0 if name in ("record", "check", "promote") else 2} for name in RELEASE
}

# A shard is the stage that runs long and on machines that are taken away: it goes on where it was.
SAMPLE = {"cpu_request": "500m", "memory_request": "1Gi", "deadline": 2 * 86400, "retries": 8}


@dataclass(frozen=True)
class CompileSettings:
    """What a compiled pipeline is filled in with; `own` has what single stages set apart from all."""

    image: str = _setting(DEFAULT_IMAGE, _image, "image of the stages")
    sample_image: str = _setting("", _image, "image of the stage `sample`; empty: the same")
    pull_policy: str = _setting(
        "IfNotPresent", _one_of("IfNotPresent", "Always", "Never"), "when a node pulls the image"
    )
    parallelism: int = _setting(0, _count, "shards that are sampled at the same time; 0: all")
    config_map: str = _setting("posterity-settings", _name, "ConfigMap with settings of Posterity (this page)")
    store_secret: str = _setting("posterity-store", _name, "Secret with the credentials of the object store")
    pseudonym_secret: str = _setting("posterity-pseudonyms", _name, "Secret with the key of pseudonyms; may be missing")
    alert_secret: str = _setting("posterity-alerts", _name, "Secret with the URLs of alerts; may be missing")
    release_secret: str = _setting(
        "posterity-release", _name, "Secret with database and token for releases; may be missing"
    )
    stages: StageSettings = field(default_factory=StageSettings)
    own: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {"sample": SAMPLE, **STEPS})

    def of_stage(self, stage: str) -> StageSettings:
        """The settings of one stage."""
        return replace(self.stages, **self.own.get(stage, {}))

    def image_of(self, stage: str) -> str:
        """The image that a stage runs in."""
        return self.sample_image if stage == "sample" and self.sample_image else self.image

    def updated(self, given: Mapping[str, Any], where: str) -> "CompileSettings":
        """These settings with those in `given`, as a settings file has them.

        Raises SettingsError naming `where` they come from, the setting, and what is wrong with it.
        """
        changed = self
        for name, value in given.items():
            if name in _parsers(CompileSettings):
                changed = replace(changed, **_parsed(CompileSettings, "", {name: value}, where))
            elif name == EVERY_STAGE:
                changed = replace(changed, stages=replace(changed.stages, **_stage(name, value, where)))
            elif name in (*ORDER, *RELEASE):
                own = {**changed.own.get(name, {}), **_stage(name, value, where)}
                changed = replace(changed, own={**changed.own, name: own})
            else:
                known = ", ".join([*_parsers(CompileSettings), EVERY_STAGE, *ORDER, *RELEASE])
                raise SettingsError(f"{where}: there is no compile setting {name!r}; there are {known}")
        return changed


def read_settings(given: Iterable[str], image: str = "", sample_image: str = "") -> CompileSettings:
    """Settings from files and `name=value` in their order, the later over the earlier, and the images over all."""
    settings = CompileSettings()
    for text in given:
        name, equals, value = text.partition("=")
        if equals and not Path(text).exists():
            settings = settings.updated(_nested(name.strip(), value), "--settings")
        else:
            settings = settings.updated(_read_file(Path(text)), text)
    images = {"image": image, "sample_image": sample_image}
    return settings.updated({name: text for name, text in images.items() if text}, "--image")


def _nested(name: str, value: str) -> dict[str, Any]:
    """`sample.retries`, `2` as a settings file has it."""
    stage, _, own = name.rpartition(".")
    parsed = _from_yaml(value, f"{name}={value}")
    parsed = "" if parsed is None else parsed
    return {stage: {own: parsed}} if stage else {name: parsed}


def _read_file(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        raise SettingsError(f"--settings {path} is neither a file nor name=value; such as sample.memory_limit=8Gi")
    found = _from_yaml(path.read_text(), str(path))
    if not isinstance(found, Mapping):
        raise SettingsError(f"{path} has no settings; write name: value lines, such as parallelism: 8")
    return found


def _from_yaml(text: str, where: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"{where}: this is not YAML ({' '.join(str(error).split())})") from error


def _stage(name: str, value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise SettingsError(f"{where}: {name} has settings of its own, such as {name}.memory_limit=8Gi")
    return _parsed(StageSettings, f"{name}.", value, where)


def _parsed(kind: type, prefix: str, given: Mapping[str, Any], where: str) -> dict[str, Any]:
    parsers = _parsers(kind)
    if unknown := sorted(set(given) - set(parsers)):
        raise SettingsError(f"{where}: there is no {prefix}{unknown[0]}; there are {', '.join(parsers)}")
    values = {}
    for name, value in given.items():
        try:
            values[name] = parsers[name](value)
        except SettingsError as error:
            raise SettingsError(f"{where}: {prefix}{name}={value!r}: {error}") from error
    return values


def _parsers(kind: type) -> dict[str, Callable[[Any], Any]]:
    return {item.name: item.metadata["parse"] for item in fields(kind) if item.metadata}
