using OrleansGeo.Primitives;

namespace OrleansGeo.Consensus;

// Both sides of support: what a heartbeat does at the supporter, what the answer does at the asker, and what replicas see of it.
public sealed partial class StoreLiveness
{
    /// <inheritdoc />
    public SupportEpoch? Given(NodeId to) =>
        to == _self ? default(SupportEpoch)
        : _given.TryGetValue(to, out var supported) && supported.State != SupportState.None ? supported.GivenEpoch
        : null;

    /// <inheritdoc />
    public long GivenRemainingMicros(NodeId to, MonoTime now) =>
        to == _self ? MonoTime.Forever.Micros
        : _given.TryGetValue(to, out var supported) && supported.State == SupportState.Active
            ? Math.Max(0, supported.ExpiresAt.MicrosSince(now))
        : 0;

    /// <inheritdoc />
    public (SupportEpoch Epoch, MonoTime Until) Received(NodeId from) =>
        from == _self ? (default, MonoTime.Forever)
        : _received.TryGetValue(from, out var supporter) ? (supporter.Epoch, supporter.Until)
        : (default, MonoTime.Never);

    /// <inheritdoc />
    public bool Hears(NodeId peer, MonoTime now) =>
        peer == _self || (_received.TryGetValue(peer, out var supporter) && now < supporter.HeardUntil);

    /// <inheritdoc />
    public HlcTimestamp AcknowledgedBound(NodeId peer) =>
        peer == _self ? DurableLimit : _received.TryGetValue(peer, out var supporter) ? supporter.Bound : HlcTimestamp.Zero;

    /// <inheritdoc />
    public long RttMicros(NodeId peer) => _received.TryGetValue(peer, out var supporter) ? supporter.RttMicros : DefaultRttMicros;

    /// <summary>Microseconds since the peer's last answered heartbeat was sent, or null when it never answered.</summary>
    public long? LastHeardMicros(NodeId peer, MonoTime now) =>
        _received.TryGetValue(peer, out var supporter) && supporter.HeardUntil != MonoTime.Never
            ? now.MicrosSince(supporter.HeardUntil.AddMicros(-_settings.SupportMicros))
            : null;

    /// <summary>Smoothed round-trip time to the peer, or null before the first measurement.</summary>
    public long? MeasuredRttMicros(NodeId peer) =>
        _received.TryGetValue(peer, out var supporter) && supporter.IsMeasured ? supporter.RttMicros : null;

    private void OnHeartbeat(LivenessMessage ask, MonoTime now, HlcTimestamp clock)
    {
        if (!_given.TryGetValue(ask.From, out var supported))
        {
            // The asker may remember an epoch that a lost disk here forgot: never give one twice.
            supported = new(new(ask.From, ask.Incarnation, ask.Epoch)) { LastSentAt = ask.SentAt };
            _given.Add(ask.From, supported);
            Grant(ask, supported, now);
            Answer(ask, supported, clock);
            return;
        }

        var known = supported.Record.Incarnation;
        if (ask.Incarnation.CompareTo(known) < 0 || (ask.Incarnation == known && ask.SentAt <= supported.LastSentAt))
        {
            return;
        }

        if (supported.State == SupportState.Withdrawing)
        {
            Refuse(ask, RetryMicros, clock);
        }
        else if (ask.Incarnation != known && supported.State == SupportState.Active)
        {
            var remaining = supported.ExpiresAt.MicrosSince(now);
            if (remaining <= 0 || PlantedBug.Is("liveness.shorten-for-new-incarnation"))
            {
                Withdraw(ask.From, supported, ask.Incarnation);
                remaining = RetryMicros;
            }

            Refuse(ask, remaining, clock);
        }
        else
        {
            Grant(ask, supported, now);
            Answer(ask, supported, clock);
        }
    }

    private void Grant(LivenessMessage ask, Supported supported, MonoTime now)
    {
        supported.LastSentAt = ask.SentAt;
        supported.ExpiresAt = now.AddMicros(_settings.SupportMicros);
        if (supported.State == SupportState.Active)
        {
            return;
        }

        // The record of a withdrawal already names the next epoch; it serves unless another incarnation asks, or none was ever written.
        if (supported.Token == 0 || supported.Record.Incarnation != ask.Incarnation || supported.Record.Epoch.CompareTo(ask.Epoch) < 0)
        {
            var epoch = supported.Record.Epoch.CompareTo(ask.Epoch) < 0 ? ask.Epoch : supported.Record.Epoch;
            WriteRecord(supported, new(ask.From, ask.Incarnation, epoch.Next));
        }

        supported.State = SupportState.Active;
        supported.GivenEpoch = supported.Record.Epoch;
        NoteChanged(ask.From);
    }

    private void Withdraw(NodeId node, Supported supported, Incarnation incarnation)
    {
        supported.State = SupportState.Withdrawing;
        WriteRecord(supported, new(node, incarnation, supported.Record.Epoch.Next));
    }

    private void WriteRecord(Supported supported, SupportRecord record)
    {
        if (supported.Record.Incarnation != record.Incarnation)
        {
            supported.LastSentAt = MonoTime.Never;
        }

        supported.Record = record;
        supported.Token = OpenToken();
        Effects.Records.RemoveAll(r => r.To == record.To);
        Effects.Records.Add(record);
    }

    private void Refuse(LivenessMessage ask, long remainingMicros, HlcTimestamp clock) => Effects.SendNow.Add(new()
    {
        From = _self,
        To = ask.From,
        Incarnation = _incarnation,
        IsReply = true,
        SentAt = ask.SentAt,
        AskerIncarnation = ask.Incarnation,
        RemainingMicros = remainingMicros,
        Clock = clock,
        LatestWallMillis = _latestWallMillis,
    });

    private void Answer(LivenessMessage ask, Supported supported, HlcTimestamp clock)
    {
        // A bound from a clock far ahead would push every later leader's clock along with it.
        var isSane = ask.Bound.WallMillis <= clock.WallMillis + _settings.MaxBoundAheadMillis;
        var waits = supported.Token > _durableToken;
        if (isSane && ask.Bound > DurableLimit)
        {
            ReserveLimit(ask.Bound);
            waits = true;
        }

        var answer = new LivenessMessage
        {
            From = _self,
            To = ask.From,
            Incarnation = _incarnation,
            IsReply = true,
            SentAt = ask.SentAt,
            AskerIncarnation = ask.Incarnation,
            Epoch = supported.GivenEpoch,
            Granted = true,
            Bound = isSane ? ask.Bound : HlcTimestamp.Zero,
            Clock = clock,
            LatestWallMillis = _latestWallMillis,
        };
        if (waits)
        {
            OpenToken();
            Effects.SendAfterPersist.Add(answer);
        }
        else
        {
            Effects.SendNow.Add(answer);
        }
    }

    private void ReserveLimit(HlcTimestamp bound)
    {
        if (bound > _issuedLimit)
        {
            _issuedLimit = HlcTimestamp.Later(
                bound, HlcTimestamp.Earlier(bound.AddMillis(_settings.HeartbeatMicros / 1000), _limitCap));
            Effects.Limit = _issuedLimit;
            _limitsUnderWay.Enqueue((OpenToken(), _issuedLimit));
        }
    }

    private void OnAnswer(LivenessMessage answer, MonoTime now)
    {
        if (answer.AskerIncarnation != _incarnation || !_received.TryGetValue(answer.From, out var supporter))
        {
            return;
        }

        var wasHeard = now < supporter.HeardUntil;
        var wasSupported = now < supporter.Until;
        Measure(supporter, now.MicrosSince(answer.SentAt));
        supporter.HeardUntil = MonoTime.Max(supporter.HeardUntil, answer.SentAt.AddMicros(_settings.SupportMicros));
        var newEpoch = false;
        if (answer.Granted && answer.Epoch.CompareTo(supporter.Epoch) >= 0)
        {
            newEpoch = answer.Epoch != supporter.Epoch;
            supporter.Epoch = answer.Epoch;
            var until = answer.SentAt.AddMicros((long)((Int128)_settings.SupportMicros * (1_000_000 - _settings.DriftPpm) / 1_000_000));
            supporter.Until = newEpoch ? until : MonoTime.Max(supporter.Until, until);
            supporter.Bound = HlcTimestamp.Later(supporter.Bound, answer.Bound);
        }
        else if (!answer.Granted)
        {
            supporter.AskAt = now.AddMicros(Math.Max(RetryMicros, answer.RemainingMicros));
            _retryBeat = MonoTime.Min(_retryBeat, supporter.AskAt);
        }

        // Two lapses in one: what is received ends first, what is heard a little later.
        supporter.LapseAt = now < supporter.Until ? supporter.Until : now < supporter.HeardUntil ? supporter.HeardUntil : MonoTime.Forever;
        if (newEpoch || wasHeard != now < supporter.HeardUntil || wasSupported != now < supporter.Until)
        {
            NoteChanged(answer.From);
        }
    }

    // RFC 6298's smoothing, one eighth per sample.
    private static void Measure(Supporter supporter, long rttMicros)
    {
        supporter.RttMicros = supporter.IsMeasured ? supporter.RttMicros + ((rttMicros - supporter.RttMicros) / 8) : rttMicros;
        supporter.IsMeasured = true;
    }
}
