"""The words of a waiver that people choose from."""

from enum import StrEnum


class WaiverReason(StrEnum):
    """Why a finding is not fixed now: the justifications of VEX for "not affected", and three of our own."""

    COMPONENT_NOT_PRESENT = "component_not_present"
    CODE_NOT_PRESENT = "vulnerable_code_not_present"
    CODE_NOT_REACHED = "vulnerable_code_not_in_execute_path"
    CODE_NOT_CONTROLLED = "vulnerable_code_cannot_be_controlled_by_adversary"
    MITIGATED = "inline_mitigations_already_exist"
    FALSE_POSITIVE = "false_positive"
    RISK_ACCEPTED = "risk_accepted"
    FIX_PLANNED = "fix_planned"


class Scope(StrEnum):
    """How much a waiver covers, seen from one finding."""

    FINDING = "finding"
    PACKAGE = "package"
    ADVISORY = "advisory"
    RULE = "rule"
