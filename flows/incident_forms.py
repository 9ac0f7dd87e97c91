"""インシデント対応のフォーム / the forms in which people work on an incident."""

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from tasks.alerts.settings import LevelName
from tasks.incidents.facts import ActionKind, Fix
from tasks.incidents.words import Step
from tasks.records.facts import LARGEST_NUMBER

_NOW = "空欄は今 / empty: now"


def _at(position: int) -> dict[str, Any]:
    return {"position": position}


def _number(title: str = "インシデント番号 / Incident number") -> Any:
    return Field(ge=1, le=LARGEST_NUMBER, title=title, json_schema_extra=_at(1))


def _text(title: str, position: int, description: str | None = None) -> Any:
    return Field(min_length=1, title=title, description=description, json_schema_extra=_at(position))


def _optional(title: str, position: int, description: str = "任意 / optional") -> Any:
    return Field(default="", title=title, description=description, json_schema_extra=_at(position))


def _by(position: int) -> Any:
    return _text("記録する人 / Recorded by", position, "名前 / your name")


class Opening(BaseModel):
    """The form of a new incident."""

    model_config = ConfigDict(extra="forbid", title="新しいインシデント / New incident")

    title: str = _text("概要 / What is wrong", 1, "短く / in a few words")
    level: LevelName = Field(
        default="emergency",
        title="重大度 / Severity",
        description="information 情報、warning 警告、emergency 緊急 / level 1, 2 or 3",
        json_schema_extra=_at(2),
    )
    by: str = _by(3)
    down: bool = Field(
        default=False,
        title="停止している / Is it down?",
        description="利用不可のときだけ。停止時間になる / only if it does not work at all: counts as downtime",
        json_schema_extra=_at(4),
    )
    module: str = _optional("モジュール / Module", 5, "空欄はサービス全体 / empty: the whole service")
    impact_at: datetime | None = Field(
        default=None,
        title="影響の開始 / Impact since",
        description="空欄は検知の時刻 / empty: since it was detected",
        json_schema_extra=_at(6),
    )
    detected_at: datetime | None = Field(
        default=None, title="検知 / Detected at", description=_NOW, json_schema_extra=_at(7)
    )
    text: str = _optional("詳細 / Details", 8)


class Acknowledgement(BaseModel):
    """The form of an acknowledgement."""

    model_config = ConfigDict(extra="forbid", title="確認 / Acknowledgement")

    incident: int = _number()
    by: str = _by(2)
    text: str = _optional("メモ / Note", 3)


class Noting(BaseModel):
    """The form of a note, an assessment or a step of the response."""

    model_config = ConfigDict(extra="forbid", title="メモ / Note")

    incident: int = _number()
    text: str = _text("内容 / Text", 2)
    by: str = _by(3)
    step: Step = Field(
        default=Step.NOTE,
        title="段階 / Step",
        description=(
            "note メモのみ、assessing 影響の調査、responding 対処、verifying 効果の確認 / "
            "note: nothing else; the others move the incident on"
        ),
        json_schema_extra=_at(4),
    )
    level: LevelName | None = Field(
        default=None,
        title="重大度の変更 / New severity",
        description="空欄は変更なし / empty: as it is",
        json_schema_extra=_at(5),
    )
    impact_at: datetime | None = Field(
        default=None,
        title="影響の開始 / Impact since",
        description="空欄は変更なし / empty: as it is",
        json_schema_extra=_at(6),
    )
    down: bool | None = Field(
        default=None,
        title="停止している / Is it down?",
        description="空欄は変更なし / empty: as it is",
        json_schema_extra=_at(7),
    )


class Mitigation(BaseModel):
    """The form of a temporary or permanent fix."""

    model_config = ConfigDict(extra="forbid", title="対処 / Fix")

    incident: int = _number()
    text: str = _text("対処の内容 / What was done", 2)
    by: str = _by(3)
    fix: Fix = Field(
        title="種類 / Kind of fix",
        description="temporary 暫定対応、permanent 恒久対応 / temporary: an action item for the permanent fix follows",
        json_schema_extra=_at(4),
    )
    owner: str = _optional("恒久対応の担当者 / Owner of the permanent fix", 5, "暫定対応では必須 / needed if temporary")
    due: date | None = Field(
        default=None,
        title="恒久対応の期限 / Permanent fix due on",
        description="暫定対応では必須 / needed if temporary",
        json_schema_extra=_at(6),
    )
    at: datetime | None = Field(default=None, title="時刻 / Time", description=_NOW, json_schema_extra=_at(7))


class Resolution(BaseModel):
    """The form of a resolution."""

    model_config = ConfigDict(extra="forbid", title="解決 / Resolution")

    incident: int = _number()
    text: str = _text("効果の確認方法 / How the effect was verified", 2)
    by: str = _by(3)
    at: datetime | None = Field(
        default=None, title="解決の時刻 / Resolved at", description=_NOW, json_schema_extra=_at(4)
    )


class NewAction(BaseModel):
    """The form of an action item."""

    model_config = ConfigDict(extra="forbid", title="アクション / Action item")

    incident: int = _number()
    text: str = _text("内容 / What is to be done", 2)
    owner: str = _text("担当者 / Owner", 3)
    due: date = Field(title="期限 / Due on", json_schema_extra=_at(4))
    by: str = _by(5)
    kind: ActionKind = Field(
        default=ActionKind.PREVENTION,
        title="種類 / Kind",
        description="permanent-fix 恒久対応、prevention 再発防止、other その他 / what it is for",
        json_schema_extra=_at(6),
    )


class DoneAction(BaseModel):
    """The form of an action item that is done."""

    model_config = ConfigDict(extra="forbid", title="アクションの完了 / Action item done")

    incident: int = _number()
    action: int = Field(
        ge=1, le=LARGEST_NUMBER, title="アクションの番号 / Number of the action item", json_schema_extra=_at(2)
    )
    by: str = _by(3)
    text: str = _optional("メモ / Note", 4)


class Retrospective(BaseModel):
    """The form of a retrospective."""

    model_config = ConfigDict(extra="forbid", title="振り返り / Retrospective")

    incident: int = _number()
    by: str = _by(2)
    cause: str = _optional("原因 / Cause", 3, "空欄は記録済みのまま / empty: as it is")
    went_well: str = _optional("うまくいったこと / What went well", 4, "空欄は記録済みのまま / empty: as it is")
    went_badly: str = _optional("うまくいかなかったこと / What went badly", 5, "空欄は記録済みのまま / empty: as it is")
    lucky: str = _optional("運が良かったこと / Where we got lucky", 6)
    no_actions_reason: str = _optional(
        "アクションが不要な理由 / Why there is nothing to do",
        7,
        "アクションがないときは必須 / needed without action items",
    )
    close: bool = Field(
        default=True,
        title="完了にする / Close the incident",
        description="false は保存のみ / false: only keep what is written",
        json_schema_extra=_at(8),
    )


class Reopening(BaseModel):
    """The form of a reopening."""

    model_config = ConfigDict(extra="forbid", title="再発 / Reopening")

    incident: int = _number()
    text: str = _text("再発の内容 / What came back", 2)
    by: str = _by(3)
    at: datetime | None = Field(default=None, title="再発の時刻 / Since", description=_NOW, json_schema_extra=_at(4))


class Dismissal(BaseModel):
    """The form of a false positive, or of an incident that is a part of another one."""

    model_config = ConfigDict(extra="forbid", title="取り下げ / Dismissal")

    incident: int = _number()
    text: str = _text("理由 / Reason", 2)
    by: str = _by(3)
    into: int | None = Field(
        default=None,
        ge=1,
        le=LARGEST_NUMBER,
        title="統合先のインシデント番号 / Merge into incident",
        description="空欄は誤検知 / empty: it was a false positive",
        json_schema_extra=_at(4),
    )
