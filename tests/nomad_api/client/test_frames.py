import base64
import json

from hypothesis import given
from hypothesis import strategies as st

from nomad_api.client.frames import FrameDecoder, frame_data

frames = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "File": st.text(),
            "Offset": st.integers(0),
            "Data": st.binary().map(lambda data: base64.b64encode(data).decode()),
        },
    )
)


@given(frames, st.integers(1, 20))
def test_frames_survive_any_slicing(sent: list[dict[str, object]], step: int) -> None:
    stream = b"".join(json.dumps(frame, ensure_ascii=False).encode() for frame in sent)
    decoder = FrameDecoder()
    received = [frame for start in range(0, len(stream), step) for frame in decoder.feed(stream[start : start + step])]
    assert received == sent


def test_the_data_of_a_heartbeat_is_empty() -> None:
    assert frame_data({}) == b""
    assert frame_data({"Data": "aGk="}) == b"hi"
