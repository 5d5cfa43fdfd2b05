"""The codes of external ISO 20022 code sets in use here, each with what it means to us.

ISO publishes these lists apart from the messages and extends them four times a year, so a schema takes any code of the
right length; whether a code is known, and allowed at a given place, is the service's rule. Meanings are in our words
after the External Code Sets as published in May 2025; a code that is not here may still be a published one.
"""

from typing import Final

STATUSES: Final = {
    "RCVD": "received",
    "PDNG": "pending: more checks follow",
    "ACTC": "accepted after authentication and validation",
    "ACCP": "accepted after the customer profile check",
    "ACSP": "accepted, settlement in process",
    "ACSC": "settled",
    "ACWC": "accepted with a change",
    "ACWP": "accepted, not yet posted to the creditor's account",
    "ACCC": "credited to the creditor's account: final",
    "BLCK": "blocked: neither posted nor returned",
    "RJCT": "rejected: final",
    "CANC": "cancelled on request",
    "PRES": "request to pay presented to the debtor",
}
"""ExternalPaymentTransactionStatus1Code."""

GROUP_STATUSES: Final = {
    "RCVD": "received",
    "PDNG": "pending",
    "ACTC": "accepted after authentication and validation",
    "ACCP": "accepted after the customer profile check",
    "ACSP": "accepted, settlement in process",
    "ACSC": "settled",
    "ACCC": "all credited",
    "ACWC": "accepted with a change",
    "PART": "some transactions accepted, others not yet",
    "RJCT": "all rejected",
}
"""ExternalPaymentGroupStatus1Code."""

STATUS_REASONS: Final = {
    "AB01": "clearing stopped: too late",
    "AB03": "settlement stopped: too late",
    "AB04": "settlement stopped: error, or the rate is not the quote's or the quote has expired",
    "AB05": "no answer in time from the creditor's agent",
    "AB06": "no answer in time from the instructed agent",
    "AB08": "the creditor's agent is offline",
    "AB09": "error at the creditor's agent",
    "AB10": "error at the instructed agent",
    "AC01": "account number wrong or missing",
    "AC03": "creditor's account number wrong or missing",
    "AC04": "account closed",
    "AC06": "account blocked",
    "AC09": "account currency wrong or missing",
    "AG01": "not allowed on this kind of account",
    "AG03": "kind of transaction not supported",
    "AGNT": "an agent in the chain is wrong",
    "AM01": "amount is zero",
    "AM02": "amount over the allowed maximum",
    "AM03": "currency not processed here",
    "AM04": "not enough funds",
    "AM05": "duplicate",
    "AM06": "amount under the agreed minimum",
    "AM07": "amount blocked by an authority",
    "AM09": "amount is not the one agreed",
    "AM10": "the control sum is not the sum",
    "AM11": "currency wrong or missing",
    "AM12": "amount wrong or missing",
    "AM13": "amount over the clearing system's limit",
    "AM14": "amount over the limit agreed with the client",
    "AM18": "number of transactions wrong or missing",
    "AM23": "amount over the settlement limit",
    "BE04": "creditor's address missing or wrong",
    "BE05": "initiating party not recognised",
    "BE07": "debtor's address missing or wrong",
    "BE08": "debtor's name missing",
    "BE22": "creditor's name missing",
    "BE23": "alias unknown or wrong",
    "CH16": "content of an element is wrong",
    "CH17": "element not allowed",
    "CH20": "more decimals than the currency has",
    "CH21": "mandatory element missing",
    "CURR": "currency of the payment is wrong",
    "CUST": "cancelled by the customer",
    "DT01": "date wrong or missing",
    "DT02": "creation time wrong",
    "DT04": "date in the future not supported",
    "DU01": "message identifier used before",
    "DU03": "transaction identifier used before",
    "DUPL": "duplicate payment",
    "ED05": "settlement failed",
    "FF01": "file format wrong",
    "FF05": "local instrument wrong or missing",
    "FF06": "category purpose wrong or missing",
    "FF07": "purpose wrong or missing",
    "FR01": "fraud",
    "FRAD": "started fraudulently",
    "MD07": "the customer is deceased",
    "MS02": "reason not given by the customer",
    "MS03": "reason not given by the agent",
    "NARR": "reason in the additional text",
    "RC01": "bank identifier wrongly formed",
    "RC03": "debtor's bank identifier wrong or missing",
    "RC04": "creditor's bank identifier wrong or missing",
    "RC06": "debtor agent's BIC wrong or missing",
    "RC07": "creditor agent's BIC wrong or missing",
    "RC11": "intermediary agent wrong or missing",
    "RR01": "debtor's account or identification missing, required by regulation",
    "RR02": "debtor's name or address missing, required by regulation",
    "RR03": "creditor's name or address missing, required by regulation",
    "RR04": "regulatory reason",
    "RR05": "regulatory reporting missing or wrong",
    "RR10": "character set not valid for country and kind of payment",
    "TM01": "received after the cut-off time",
    "AEXR": "request to pay: expired",
    "ALAC": "request to pay: already accepted",
    "APAR": "request to pay: already paid",
    "ARFR": "request to pay: already refused by the debtor",
    "ARJR": "request to pay: already rejected",
    "IRNR": "request to pay: never received",
    "NOAR": "request to pay: no agreement to receive it",
    "NRCH": "request to pay: payer's side not reachable",
}
"""ExternalStatusReason1Code."""

RETURN_REASONS: Final = {
    "AC01": "account number wrong",
    "AC04": "account closed",
    "AC06": "account blocked",
    "AG01": "not allowed on this kind of account",
    "AGNT": "an agent in the chain is wrong",
    "AM05": "duplicate",
    "AM09": "amount is not the one agreed",
    "BE01": "customer and account do not belong together",
    "CUST": "cancelled by the debtor",
    "DUPL": "duplicate payment",
    "ED05": "settlement failed",
    "FOCR": "following a request to cancel",
    "FR01": "fraud",
    "MD06": "asked back by the customer",
    "MD07": "the customer is deceased",
    "MS02": "reason not given by the customer",
    "MS03": "reason not given by the agent",
    "NARR": "reason in the additional text",
    "NOAS": "no answer from the beneficiary",
    "RR04": "regulatory reason",
    "RUTA": "following an investigation",
    "UPAY": "payment not justified",
}
"""ExternalReturnReason1Code."""

CANCELLATION_REASONS: Final = {
    "AC03": "wrong account number",
    "AGNT": "an agent in the chain is wrong",
    "AM09": "amount is not the one agreed",
    "CURR": "currency of the payment is wrong",
    "CUST": "asked for by the debtor",
    "DS24": "the order expired",
    "DT01": "date wrong",
    "DUPL": "duplicate payment",
    "ENUE": "errors of the debtor",
    "FRAD": "started fraudulently",
    "MD06": "asked back by the customer",
    "NARR": "reason in the additional text",
    "TECH": "technical problem",
    "UAPA": "not authorised by the debtor",
    "UPAY": "payment not justified",
    "PAID": "request to pay: already paid otherwise",
    "MODT": "request to pay: the transaction was changed",
}
"""ExternalCancellationReason1Code."""

CANCELLATION_STATUS_REASONS: Final = {
    "AC04": "account closed",
    "AGNT": "an agent refuses",
    "AM04": "not enough funds",
    "ARDT": "already returned",
    "CUST": "the creditor refuses",
    "IDMN": "an indemnity must be agreed first",
    "LEGL": "regulation forbids it",
    "NARR": "reason in the additional text",
    "NOAS": "no answer from the beneficiary",
    "NOOR": "the original was never received",
    "PTNA": "passed on to the next agent",
    "RQDA": "the creditor's consent is needed",
    "RR04": "regulatory reason",
}
"""ExternalPaymentCancellationRejection1Code."""

INVESTIGATION_OUTCOMES: Final = {
    "CNCL": "cancelled as asked",
    "PDCR": "cancellation pending",
    "PECR": "cancelled in part",
    "RJCR": "cancellation refused",
    "FTNA": "request passed on to the next agent",
    "INFO": "information given to the beneficiary",
    "IPAY": "a payment was, or will be, made",
}
"""ExternalInvestigationExecutionConfirmation1Code."""

VERIFICATION_REASONS: Final = {
    "AC01": "account number wrong or missing",
    "AG01": "the account cannot be paid to",
    "AGNT": "agent wrong",
    "BNOR": "institution not registered in the scheme",
    "DUPL": "duplicate request",
    "FF01": "file format wrong",
    "MS03": "reason not given by the agent",
    "NORR": "no answer in time",
    "NR01": "cannot confirm, no reason stated",
    "PI01": "identification and account do not match",
    "PN01": "name and account do not match",
    "PN02": "name nearly matches",
    "RC04": "creditor's bank identifier wrong or missing",
    "TM01": "received after the cut-off time",
}
"""ExternalVerificationReason1Code."""

PROXY_TYPES: Final = {
    "BIID": "biller number",
    "CCPT": "passport number",
    "CINC": "company number",
    "COID": "national company number",
    "COTX": "company tax number",
    "CUST": "customer number",
    "DNAM": "internet domain name",
    "DRLC": "driving licence number",
    "EMAL": "e-mail address",
    "EWAL": "electronic wallet number",
    "LEIC": "legal entity identifier",
    "MBNO": "mobile number, ITU-T E.164",
    "NIDN": "national identity number",
    "PVTX": "personal tax number",
    "SHID": "alias of a scheme (merchant number)",
    "SOSE": "social security number",
    "TELE": "telephone number, ITU-T E.164",
    "TOKN": "token in place of an account number",
}
"""ExternalProxyAccountType1Code."""

PURPOSES: Final = {
    "BENE": "unemployment or disability benefit",
    "BONU": "bonus",
    "CHAR": "charity",
    "COMM": "commission",
    "DEPD": "support of dependants",
    "EDUC": "tuition fees",
    "FEES": "fees",
    "FREX": "foreign exchange",
    "GDDS": "goods",
    "GDSV": "goods and services",
    "GIFT": "gift",
    "GOVT": "to or from a government",
    "INSC": "insurance claim",
    "INSU": "insurance premium",
    "INTC": "within a group of companies",
    "INTE": "interest",
    "INVS": "investment",
    "IVPT": "invoice",
    "LOAN": "loan paid out",
    "LOAR": "loan repaid",
    "MDCS": "medical care",
    "MP2B": "by mobile, person to business",
    "MP2P": "by mobile, person to person",
    "NETT": "netting",
    "OTHR": "other",
    "PENS": "pension",
    "REFU": "refund",
    "RENT": "rent",
    "RLWY": "railway transport",
    "ROYA": "royalties",
    "RRTP": "request to pay",
    "SALA": "salaries",
    "SAVG": "savings",
    "SCVE": "services",
    "SERV": "service charges",
    "SSBE": "social security benefit",
    "STDY": "study costs",
    "SUPP": "supplier",
    "TAXR": "tax refund",
    "TAXS": "taxes",
}
"""ExternalPurpose1Code."""

PERSON_IDS: Final = {
    "ARNU": "alien registration number",
    "BANK": "number given by a bank",
    "CCPT": "passport number",
    "CUST": "customer number",
    "DRLC": "driving licence number",
    "EMPL": "employee number",
    "NIDN": "national identity number",
    "SOSE": "social security number",
    "TELE": "telephone number",
    "TXID": "tax number",
}
"""ExternalPersonIdentification1Code."""

CHARGE_BEARERS: Final = {
    "DEBT": "the debtor bears all charges",
    "CRED": "the creditor bears all charges",
    "SHAR": "each side bears its own: the debtor the sending, the creditor the receiving side's",
    "SLEV": "as the service level says",
}
"""ChargeBearerType1Code, closed by the schema."""


def reason_text(code: str) -> str:
    """What a reason means, of a status, a return, a recall or its refusal; "" for a code of none of these lists."""
    lists = (STATUS_REASONS, RETURN_REASONS, CANCELLATION_REASONS, CANCELLATION_STATUS_REASONS)
    return next((one[code] for one in lists if code in one), "")
