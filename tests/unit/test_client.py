"""The Python client: what it asks of the gateway."""

from darwaza.client import INLINE_BYTES_MAX, Client


class Recorder(Client):
    """A client whose gateway only listens."""

    def __init__(self):
        self.asked = []

    def call(self, method, path, **options):
        self.asked.append((method, path, options))
        return {"id": "1", "state": "offered", "stage": "offered", "manifest": {"chunks": [], "bytes": 0}}


def test_a_policy_goes_with_a_document_of_any_length(tmp_path):
    """Whoever asks to avoid a member is never passed over, whether the document is sent at once or in chunks."""
    for length, path, place in (
        (3, "/v1/documents", "params"),
        (INLINE_BYTES_MAX + 1, "/v1/documents/uploads", "json"),
    ):
        file = tmp_path / "scan.pdf"
        file.write_bytes(bytes(length))
        client = Recorder()
        client.send_document(file, to="KZ/customs", path_policy="avoid AF")
        assert client.asked[0][:2] == ("POST", path)
        assert client.asked[0][2][place]["path_policy"] == "avoid AF"
