using OrleansGeo.Primitives;

namespace OrleansGeo.Tables;

/// <summary>
/// Causal order over calls, nodes and processes: every call in a session sees what earlier calls of it saw and wrote, stale reads too. Safe
/// for concurrent calls; each sees what had been answered when it began.
/// </summary>
public sealed class GeoSession
{
    private readonly Lock _lock = new();
    private (string? Token, HlcTimestamp Seen) _state;

    /// <summary>A session that has seen nothing, or the one whose <see cref="Token"/> is given.</summary>
    public GeoSession(string? token = null) => _state = (token, HlcTimestamp.Zero);

    /// <summary>What carries the session to another process; null while it has seen nothing. Opaque, and signed by the cluster.</summary>
    public string? Token => Current.Token;

    internal (string? Token, HlcTimestamp Seen) Current
    {
        get
        {
            lock (_lock)
            {
                return _state;
            }
        }
    }

    /// <summary>
    /// Takes over what an answer has seen, unless more was seen meanwhile. A token cannot be read here; it covers the one that was sent
    /// with the request and the timestamp that was read or written, so those two order tokens.
    /// </summary>
    internal void Advance(HlcTimestamp sent, string? token, HlcTimestamp timestamp)
    {
        if (token is null)
        {
            return;
        }

        var seen = HlcTimestamp.Later(sent, timestamp);
        lock (_lock)
        {
            if (seen > _state.Seen)
            {
                _state = (token, seen);
            }
        }
    }
}
