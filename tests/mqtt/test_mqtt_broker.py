from __future__ import annotations

import pytest

from spikerain_edge.errors import InputError
from spikerain_edge.mqtt.broker import parse_broker


def test_a_url_says_where_the_broker_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MQTT_PASSWORD", "p/a:s@s%")
    broker = parse_broker("mqtt://me:{MQTT_PASSWORD}@broker.example:1884/garden/rain/")
    assert (broker.host, broker.port, broker.tls) == ("broker.example", 1884, False)
    assert (broker.user, broker.password) == ("me", "p/a:s@s%")
    assert broker.prefix == "garden/rain"
    assert "p/a" not in repr(broker)

    plain = parse_broker("mqtts://broker.example")
    assert (plain.port, plain.tls, plain.user, plain.password) == (8883, True, None, None)
    assert plain.prefix == "spikerain"
    assert parse_broker("mqtt://[::1]").host == "::1"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("broker.example", "needs the URL of a broker"),
        ("http://broker.example", "needs the URL of a broker"),
        ("mqtt://", "needs the URL of a broker"),
        ("mqtt://broker.example:port", "needs the URL of a broker"),
        ("mqtt://broker.example/a?b=c", "needs the URL of a broker"),
        ("mqtt://broker.example/rain/+/x", "is not valid in a topic"),
        ("mqtt://me:secret@broker.example", "can be seen by every user"),
        ("mqtt://me:{NOT_SET}@broker.example", "NOT_SET"),
    ],
)
def test_other_urls_are_refused_without_their_password(url: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as refused:
        parse_broker(url)
    assert "secret" not in str(refused.value)
