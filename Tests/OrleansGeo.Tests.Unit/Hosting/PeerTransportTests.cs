using System.Diagnostics.CodeAnalysis;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Unit.Hosting;

public sealed class PeerTransportTests
{
    private static readonly NodeRecord s_self = new(new(1), "n1", "r1", "a", null);
    private static readonly NodeRecord s_near = new(new(2), "n2", "r1", "b", null);
    private static readonly NodeRecord s_far = new(new(3), "n3", "r2", "c", null);

    [Fact]
    public void What_a_peer_does_not_take_is_bounded_and_the_rest_is_dropped_until_it_takes_again()
    {
        var carrier = new StuckCarrier();
        var transport = Over(carrier, new() { NormalBytesMax = 1_000, LivenessBytesMax = 1_000 });
        for (var i = 0; i < 100; i++)
        {
            transport.Send(Request(s_near, 300));
        }

        // The bound is met by the one that goes over it.
        Assert.Equal(4, carrier.Carried.Count);

        // Another lane and another peer have bounds of their own.
        transport.Send(new() { From = s_self.Id, To = s_near.Id, Lane = Lane.Liveness });
        transport.Send(Request(s_far, 300));
        Assert.Equal(6, carrier.Carried.Count);

        carrier.Take();
        transport.Send(Request(s_near, 300));
        Assert.Equal(7, carrier.Carried.Count);
    }

    [Fact]
    public void Messages_that_are_lost_make_room_too()
    {
        var carrier = new StuckCarrier();
        var transport = Over(carrier, new() { NormalBytesMax = 100 });
        transport.Send(Request(s_near, 300));
        transport.Send(Request(s_near, 300));
        Assert.Single(carrier.Carried);
        carrier.Lose();
        transport.Send(Request(s_near, 300));
        Assert.Equal(2, carrier.Carried.Count);
    }

    [Fact]
    public void A_hop_is_added_between_regions_and_nowhere_else()
    {
        var carrier = new StuckCarrier();
        var transport = Over(carrier, new());
        transport.Send(Request(s_near, 1));
        transport.Send(Request(s_far, 1));
        Assert.Null(carrier.Carried[0].Messages[0].Path);
        Assert.Equal(new WanPath(s_self.Id, s_far.Id, null), carrier.Carried[1].Messages[0].Path);
    }

    [Fact]
    public void What_cannot_be_carried_is_dropped_without_a_word()
    {
        var carrier = new StuckCarrier { IsAbsent = true };
        var transport = Over(carrier, new());
        transport.Send(Request(s_near, 1));
        transport.Send(Request(s_near with { Id = new(9) }, 1));
        carrier.IsAbsent = false;
        carrier.IsBroken = true;
        transport.Send(Request(s_near, 1));
        Assert.Empty(carrier.Carried);
    }

    private static PeerTransport Over(StuckCarrier carrier, PeerLimits limits) =>
        new("r1", id => new[] { s_near, s_far }.FirstOrDefault(node => node.Id == id), carrier, limits);

    private static Envelope Request(NodeRecord to, int bytes) => new()
    {
        From = s_self.Id,
        To = to.Id,
        Lane = Lane.Normal,
        Messages =
        [
            new RangeRequest
            {
                CallId = 1,
                Range = new(1),
                TimeoutMicros = 1,
                Operation = new RangeOperation.Get([new Key(new byte[bytes])], null),
            },
        ],
    };

    // Carries nothing anywhere: what it was given stays on its way until it is taken or lost.
    private sealed class StuckCarrier : IPeerCarrier
    {
        private TaskCompletionSource _way = new();

        public List<Envelope> Carried { get; } = [];

        public bool IsAbsent { get; set; }

        public bool IsBroken { get; set; }

        public bool TryCarry(NodeRecord to, Lane lane, byte[] envelope, [NotNullWhen(true)] out Task? carried)
        {
            if (IsAbsent)
            {
                carried = null;
                return false;
            }

            if (IsBroken)
            {
                throw new IOException("broken");
            }

            Carried.Add(EnvelopeCodec.Standard.Read(envelope));
            carried = _way.Task;
            return true;
        }

        public bool TryAsk(
            NodeRecord to, RangeId range, byte[] request, CancellationToken cancellation, [NotNullWhen(true)] out Task<byte[]>? answer)
        {
            answer = null;
            return false;
        }

        public void Take()
        {
            var way = _way;
            _way = new();
            way.SetResult();
        }

        public void Lose()
        {
            var way = _way;
            _way = new();
            way.SetException(new IOException("lost"));
        }
    }
}
