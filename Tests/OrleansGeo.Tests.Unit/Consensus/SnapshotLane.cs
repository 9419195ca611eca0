using OrleansGeo.Consensus;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tests.Unit.Consensus;

/// <summary>A sender and a receiver of snapshots, what is on its way between them, and what was received.</summary>
internal sealed class SnapshotLane
{
    public const int Parts = 20;
    private const long Index = 40;
    private static readonly RangeId s_range = new(3);
    private static readonly NodeId s_self = new(2);
    private static readonly NodeId s_source = new(1);

    private readonly long _rttMicros;
    private readonly SnapshotSender _sender = new(1);
    private readonly SnapshotReceiver _receiver = new();

    // Questions and parts, in the order in which they left.
    private readonly List<object> _lane = [];
    private MonoTime _now = new(0);

    public SnapshotLane(long rttMicros)
    {
        _rttMicros = rttMicros;
        Perform(_receiver.Offered(s_source, new(Index), _now, rttMicros), null);
    }

    /// <summary>The part to lose, counted from 1; 0 for none.</summary>
    public int Drops { get; init; }

    /// <summary>What is staged, a byte a part.</summary>
    public List<byte> Staged { get; } = [];

    /// <summary>True when all of it was to be installed.</summary>
    public bool Installed { get; private set; }

    /// <summary>Parts that left the sender.</summary>
    public int PartsSent { get; private set; }

    /// <summary>What a snapshot at an index replaces.</summary>
    public static SnapshotPoint PointAt(long index) => new(new(index), new(2), Configuration.Of([new(1), new(2)]));

    /// <summary>Runs to the end, with so much chance of each trouble.</summary>
    public void RunOver(Prng prng, double trouble)
    {
        while (_receiver.IsReceiving)
        {
            if (_lane.Count == 0)
            {
                _now = MonoTime.Max(_now, _receiver.NextWake);
                Perform(_receiver.Wake(_now, _rttMicros), null);
                continue;
            }

            var at = prng.Below(_lane.Count);
            var message = _lane[at];
            if (!prng.Chance(trouble))
            {
                _lane.RemoveAt(at);
            }

            if (!prng.Chance(trouble))
            {
                Deliver(message, isIntact: !prng.Chance(trouble / 4));
            }
        }
    }

    private void Deliver(object message, bool isIntact)
    {
        if (message is SnapshotReceiverEffect.Ask ask)
        {
            Perform(_sender.Asked(s_self, s_range, ask.Snapshot, ask.AtLeast, ask.Position, _now));
        }
        else
        {
            var part = ((SnapshotPartInfo)message) with { IsIntact = isIntact };
            Perform(_receiver.Received(s_source, part, _now, _rttMicros), part);
        }
    }

    private void Perform(IReadOnlyList<SnapshotReceiverEffect> effects, SnapshotPartInfo? part)
    {
        foreach (var effect in effects)
        {
            switch (effect)
            {
                case SnapshotReceiverEffect.Ask ask:
                    _lane.Add(ask);
                    break;
                case SnapshotReceiverEffect.Discard:
                    Staged.Clear();
                    break;
                case SnapshotReceiverEffect.Stage:
                    Staged.Add(part!.Next.Span[0]);
                    break;
                case SnapshotReceiverEffect.Install install:
                    Installed = install.Point == PointAt(Index);
                    break;
                default:
                    break;
            }
        }
    }

    private void Perform(IReadOnlyList<SnapshotSenderEffect> effects)
    {
        foreach (var effect in effects)
        {
            switch (effect)
            {
                case SnapshotSenderEffect.Open open:
                    Perform(_sender.Opened(open, new(Index), _now));
                    break;
                case SnapshotSenderEffect.SendPart send:
                    Send(send);
                    break;
                default:
                    break;
            }
        }
    }

    private void Send(SnapshotSenderEffect.SendPart send)
    {
        var next = (byte)(send.Position.Length == 0 ? 0 : send.Position.Span[0] + 1);
        if (++PartsSent != Drops)
        {
            _lane.Add(new SnapshotPartInfo(send.Snapshot, PointAt(Index), send.Position, new[] { next }, next == Parts - 1, true));
        }

        if (next == Parts - 1)
        {
            _sender.LastSent(send.Snapshot);
        }
    }
}
