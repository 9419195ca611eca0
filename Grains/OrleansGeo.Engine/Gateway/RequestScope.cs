using System.Diagnostics;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// One request on its way: its deadline, what it has paid so far, and what it has seen. Parts that run at the same time each have a fork;
/// only the slowest one's path counts, because the others' hops were not waited for.
/// </summary>
internal sealed class RequestScope
{
    private readonly IGatewayHost _host;
    private readonly TimeSpan _timeout;
    private readonly long _started;
    private long _finished;

    public RequestScope(IGatewayHost host, TimeSpan timeout, HlcTimestamp session, CancellationToken cancellation)
        : this(host, timeout, host.Time.GetTimestamp(), session, cancellation)
    {
    }

    private RequestScope(IGatewayHost host, TimeSpan timeout, long started, HlcTimestamp session, CancellationToken cancellation)
    {
        (_host, _timeout, _started, Session, Seen, Cancellation) = (host, timeout, started, session, session, cancellation);
    }

    /// <summary>What is followed of the request; null when nobody follows it. The same for all its parts.</summary>
    public Activity? Span { get; init; }

    /// <summary>The client's cancellation.</summary>
    public CancellationToken Cancellation { get; }

    /// <summary>The timestamp of the client's session; zero without one.</summary>
    public HlcTimestamp Session { get; }

    /// <summary>The highest timestamp this request read at or wrote.</summary>
    public HlcTimestamp Seen { get; private set; }

    /// <summary>The hops on the way to the answer.</summary>
    public WanPath? Path { get; private set; }

    /// <summary>Who answered last.</summary>
    public NodeId ServedBy { get; private set; }

    /// <summary>Who led the range that answered last, as far as known.</summary>
    public NodeId Leaseholder { get; private set; }

    /// <summary>Time left until the deadline; not above zero when it has passed.</summary>
    public TimeSpan Remaining => _timeout - _host.Time.GetElapsedTime(_started);

    /// <summary>True when nobody waits any more.</summary>
    public bool IsOver => Cancellation.IsCancellationRequested || Remaining <= TimeSpan.Zero;

    /// <summary>A part of this request that runs beside others.</summary>
    public RequestScope Fork() => new(_host, _timeout, _started, Session, Cancellation) { Span = Span };

    /// <summary>The same, with so much time and not more than this request has.</summary>
    public RequestScope Fork(TimeSpan within)
    {
        var timeout = _host.Time.GetElapsedTime(_started) + within;
        return new(_host, timeout < _timeout ? timeout : _timeout, _started, Session, Cancellation) { Span = Span };
    }

    /// <summary>Notes that this part is done, for <see cref="Join"/>.</summary>
    public void Finish() => _finished = _host.Time.GetTimestamp();

    /// <summary>Waits for the work of this part, and notes that it is done.</summary>
    public async Task<T> FinishAsync<T>(Task<T> work)
    {
        var result = await work;
        Finish();
        return result;
    }

    /// <summary>Takes what parts have paid and seen: the path of the one that finished last.</summary>
    public void Join(ReadOnlySpan<RequestScope> parts)
    {
        RequestScope? slowest = null;
        foreach (var part in parts)
        {
            Saw(part.Seen);
            slowest = slowest is null || part._finished > slowest._finished
                || (part._finished == slowest._finished && HopsOf(part) > HopsOf(slowest))
                ? part
                : slowest;
        }

        if (slowest is not null)
        {
            Paid(slowest.Path);
            Served(slowest.ServedBy, slowest.Leaseholder);
        }
    }

    /// <summary>Adds hops that were waited for.</summary>
    public void Paid(WanPath? path) => Path = CausalPath.Join(Path, path);

    /// <summary>Notes who answered.</summary>
    public void Served(NodeId by, NodeId leaseholder) => (ServedBy, Leaseholder) = (by, leaseholder.IsSome ? leaseholder : Leaseholder);

    /// <summary>Notes a timestamp that a later request of the session must see.</summary>
    public void Saw(HlcTimestamp timestamp) => Seen = HlcTimestamp.Later(Seen, timestamp);

    /// <summary>A good answer.</summary>
    public GeoResult<T> Ok<T>(T value, string consistency = "strong", HlcTimestamp? readAt = null, double stalenessMs = 0)
        where T : class => new(value, null, Meta(consistency, readAt, stalenessMs));

    /// <summary>A refusal.</summary>
    public GeoResult<T> Fail<T>(GeoError error, string consistency = "strong", HlcTimestamp? readAt = null)
        where T : class => new(null, error, Meta(consistency, readAt, 0));

    /// <summary>What the request cost so far.</summary>
    public ResponseMeta Meta(string consistency, HlcTimestamp? readAt, double stalenessMs)
    {
        var view = _host.System;
        var server = ServedBy.IsSome && view.Nodes.TryGetValue(ServedBy, out var node) ? node : null;
        return new(
            consistency,
            readAt,
            stalenessMs,
            server?.Name,
            server?.Region,
            Leaseholder.IsSome && view.Nodes.TryGetValue(Leaseholder, out var leader) ? leader.Name : null,
            CausalPath.RoundTrips(Path),
            _host.Time.GetElapsedTime(_started).TotalMilliseconds,
            CausalPath.OutboundLegs(Path, view),
            Seen == HlcTimestamp.Zero ? null : SessionToken.Seal(_host.TokenSecret.Span, Seen));
    }

    private static int HopsOf(RequestScope part) => part.Path?.Count ?? 0;
}
