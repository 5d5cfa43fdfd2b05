"""Sample documents for the demo: made here, of the kinds that cross this corridor's borders."""

import zlib
from datetime import UTC, datetime
from uuid import UUID

PAYMENT_NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pacs.008.001.13"


def payment(number: int, end_to_end: UUID) -> bytes:
    """An ISO 20022 customer credit transfer (pacs.008.001.13) of one transaction."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="{PAYMENT_NAMESPACE}">
  <FIToFICstmrCdtTrf>
    <GrpHdr>
      <MsgId>DEMO-{number:06d}</MsgId>
      <CreDtTm>{now}</CreDtTm>
      <NbOfTxs>1</NbOfTxs>
      <SttlmInf><SttlmMtd>CLRG</SttlmMtd></SttlmInf>
    </GrpHdr>
    <CdtTrfTxInf>
      <PmtId><EndToEndId>E2E-{number:06d}</EndToEndId><UETR>{end_to_end}</UETR></PmtId>
      <IntrBkSttlmAmt Ccy="UZS">12600000.00</IntrBkSttlmAmt>
      <ChrgBr>SHAR</ChrgBr>
      <Dbtr><Nm>Karachi Mango Exports (Pvt) Ltd</Nm></Dbtr>
      <DbtrAgt><FinInstnId><BICFI>DEMOPKKAXXX</BICFI></FinInstnId></DbtrAgt>
      <CdtrAgt><FinInstnId><BICFI>DEMOUZ22XXX</BICFI></FinInstnId></CdtrAgt>
      <Cdtr><Nm>Toshkent Meva OOO</Nm></Cdtr>
    </CdtTrfTxInf>
  </FIToFICstmrCdtTrf>
</Document>
""".encode()


def phytosanitary_certificate(number: str) -> bytes:
    """A phytosanitary certificate as UN/CEFACT SPS XML, the shape of the IPPC's ePhyto."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<SPSCertificate xmlns="urn:un:unece:uncefact:data:standard:SPSCertificate:17"
    xmlns:ram="urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:21">
  <SPSExchangedDocument>
    <ram:Name>Phytosanitary certificate</ram:Name>
    <ram:ID>{number}</ram:ID>
    <ram:TypeCode>851</ram:TypeCode>
    <ram:StatusCode>70</ram:StatusCode>
    <ram:IssueDateTime>{now}</ram:IssueDateTime>
  </SPSExchangedDocument>
  <SPSConsignment>
    <ram:ExportSPSCountry><ram:ID>UZ</ram:ID><ram:Name>Uzbekistan</ram:Name></ram:ExportSPSCountry>
    <ram:ImportSPSCountry><ram:ID>PK</ram:ID><ram:Name>Pakistan</ram:Name></ram:ImportSPSCountry>
    <ram:IncludedSPSConsignmentItem>
      <ram:IncludedSPSTradeLineItem>
        <ram:SequenceNumeric>1</ram:SequenceNumeric>
        <ram:Description>Dried apricots</ram:Description>
        <ram:ScientificName>Prunus armeniaca</ram:ScientificName>
      </ram:IncludedSPSTradeLineItem>
    </ram:IncludedSPSConsignmentItem>
  </SPSConsignment>
</SPSCertificate>
""".encode()


def invoice(lines: list[str]) -> bytes:
    """A PDF of one page with these lines (ISO 32000-1), small enough to be made by hand."""
    shown = " ".join(f"({_escape(line)}) Tj 0 -18 Td" for line in lines)
    page = zlib.compress(f"BT /F1 13 Tf 60 780 Td {shown} ET".encode("latin-1"))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
            b" /Resources << /Font << /F1 5 0 R >> >> >>"
        ),
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n%b\nendstream" % (len(page), page),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(out)


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
