using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>What a change of the catalog is to write, and what it answers when it was made.</summary>
/// <param name="Writes">Conditional writes of the system range; the first one's key is the request's anchor.</param>
internal sealed record CatalogPlan(ImmutableArray<KeyWrite> Writes);

/// <summary>A change of the catalog as its client named it.</summary>
/// <param name="Database">The database, within which a client's key names one request.</param>
/// <param name="Anchor">The key beside which the request's record is kept.</param>
/// <param name="IdempotencyKey">The client's key, or null.</param>
/// <param name="Body">What follows from what is asked.</param>
/// <param name="Everywhere">Whether it is answered only when every live node has applied it.</param>
internal sealed record CatalogRequest(
    string Database, Key Anchor, string? IdempotencyKey, ImmutableArray<byte> Body, bool Everywhere = true);

/// <summary>How a change ended: made (with the record it left or removed at the anchor), or why not.</summary>
internal readonly record struct CatalogEnd(byte[]? Record, HlcTimestamp Version, GeoError? Error);

/// <summary>
/// Changes of the catalog: read strongly, decide, write on condition that nothing that was read has changed; when something has, decide
/// again. Each decision has a request id of its own, because a refused condition ends the decision and not the change; ids of a client's
/// key are counted up from its first decision. When the decision is that the change cannot be made (it exists, it is gone), the client's
/// key may
/// still name the very request that made it so: then the records of its first decisions are asked before the refusal is given. That
/// question is a write whose conditions contradict each other, so it can be replayed and never made.
/// <para>
/// A change is answered when every live node has applied it, so that whichever node is asked next knows it.
/// </para>
/// </summary>
internal sealed class CatalogCommit(GatewayCore core)
{
    private const int DecisionsAsked = 4;
    private static readonly Precondition s_never = new([], true, true, []);
    private readonly IdempotencyTable _idempotency = new(core.Host.Time);

    /// <summary>The record is as it was read.</summary>
    public static Precondition Unchanged(HlcTimestamp version) => new([version], false, false, []);

    /// <summary>The record does not exist.</summary>
    public static Precondition Absent { get; } = new([], false, true, []);

    public async Task<CatalogEnd> RunAsync(
        RequestScope scope, CatalogRequest request, Func<Task<(CatalogPlan? Plan, GeoError? Error)>> decide)
    {
        if (request.IdempotencyKey is not { } key)
        {
            return await DecideAsync(scope, request, decide);
        }

        var name = new Key([.. RequestIds.FromKey(request.Database, key, -1)]);
        if (_idempotency.Begin(name, request.Body) is { } refused)
        {
            return new(null, default, refused);
        }

        var mayHaveBeenMade = true;
        try
        {
            var end = await DecideAsync(scope, request, decide);
            mayHaveBeenMade = end.Error is null or { Kind: GeoErrorKind.OutcomeUnknown };
            return end;
        }
        finally
        {
            _idempotency.End(name, request.Body, mayHaveBeenMade);
        }
    }

    private async Task<CatalogEnd> DecideAsync(
        RequestScope scope, CatalogRequest request, Func<Task<(CatalogPlan? Plan, GeoError? Error)>> decide)
    {
        for (var decision = 0; !scope.IsOver; decision++)
        {
            var (plan, error) = await decide();
            if (plan is null)
            {
                return request.IdempotencyKey is not null
                    && error!.Kind is GeoErrorKind.AlreadyExists or GeoErrorKind.NotFound or GeoErrorKind.Unprocessable
                    ? await ReplayAsync(scope, request, error)
                    : new(null, default, error);
            }

            var end = await WriteAsync(scope, request, decision, plan.Writes);
            switch (end.Outcome)
            {
                case RangeOutcome.Written written:
                    return await MadeAsync(scope, request, written);
                case RangeOutcome.Refused:
                    await core.BackOffAsync(scope, decision);
                    break;
                case RangeOutcome.RequestMismatch:
                    return new(null, default, IdempotencyTable.Mismatch);
                default:
                    return new(null, default, end.Error ?? CatalogReader.Unexpected(end.Outcome));
            }
        }

        return new(null, default, GatewayCore.Deadline("the catalog kept changing; nothing was changed"));
    }

    private async Task<CatalogEnd> ReplayAsync(RequestScope scope, CatalogRequest request, GeoError error)
    {
        for (var decision = 0; decision < DecisionsAsked && !scope.IsOver; decision++)
        {
            var end = await WriteAsync(
                scope, request, decision, [new(WriteKind.Put, request.Anchor, ReadOnlyMemory<byte>.Empty, s_never)]);
            switch (end.Outcome)
            {
                case RangeOutcome.Written written:
                    return await MadeAsync(scope, request, written);
                case RangeOutcome.RequestMismatch:
                    return new(null, default, IdempotencyTable.Mismatch);
                case RangeOutcome.Refused:
                    break;
                default:
                    return new(null, default, end.Error ?? error);
            }
        }

        return new(null, default, error);
    }

    private Task<CallEnd> WriteAsync(RequestScope scope, CatalogRequest request, int decision, ImmutableArray<KeyWrite> writes)
    {
        ImmutableArray<byte> id;
        if (request.IdempotencyKey is { } key)
        {
            id = RequestIds.FromKey(request.Database, key, -1 - decision);
        }
        else
        {
            var chance = new byte[16];
            core.Host.Prng.Fill(chance);
            id = [.. chance];
        }

        var retainMs = (long)IdempotencyTable.Kept.TotalMilliseconds;
        return core.AskAsync(
            scope, request.Anchor, new RangeOperation.Write(writes, id, request.Body, retainMs, request.IdempotencyKey is not null));
    }

    // The record at the anchor after the change, or before it when the change removed it: a replay has no other way to know what it was.
    private async Task<CatalogEnd> MadeAsync(RequestScope scope, CatalogRequest request, RangeOutcome.Written written)
    {
        scope.Saw(written.Version);
        if (request.Everywhere && await AwaitEverywhereAsync(scope, written.Index) is { } late)
        {
            return new(null, default, late);
        }

        if (written.Keys.Length > 0 && written.Keys[0].Value is { } record)
        {
            return new(record, written.Version, null);
        }

        var before = await core.AskAsync(scope, request.Anchor, new RangeOperation.Get([request.Anchor], written.Version.Previous));
        return before.Outcome is RangeOutcome.Found { Values: [{ Value: { } removed }] }
            ? new(removed, written.Version, null)
            : new(null, default, before.Error ?? Late("its record could not be read again"));
    }

    /// <summary>Waits until every live node has applied an index of the system range. Null when they have, else why not.</summary>
    public async Task<GeoError?> AwaitEverywhereAsync(RequestScope scope, LogIndex index)
    {
        var waits = new List<Task<bool>>();
        var parts = new List<RequestScope>();
        foreach (var (node, _) in core.View.Nodes)
        {
            var part = scope.Fork();
            parts.Add(part);
            waits.Add(AwaitNodeAsync(part, node, index));
        }

        var all = true;
        foreach (var wait in waits)
        {
            all &= await wait;
        }

        scope.Join(parts.ToArray());
        return all ? await core.AwaitViewAsync(scope, index) is null ? null : Late("this node has not applied it")
            : Late("not every live node has applied it");
    }

    private async Task<bool> AwaitNodeAsync(RequestScope part, NodeId node, LogIndex index)
    {
        for (var round = 0; core.Host.IsLive(node); round++)
        {
            if (part.IsOver)
            {
                return false;
            }

            var timeout = TimeSpan.FromMilliseconds(Math.Min(2000, part.Remaining.TotalMilliseconds));
            var result = await core.Host.CallAsync(
                node, SystemKeys.RangeId, new RangeOperation.AwaitApplied(index), timeout, part.Cancellation);
            if (result.Outcome is RangeOutcome.Described or RangeOutcome.NoReplica)
            {
                // A node without a replica is joining: what it does not know it asks for.
                part.Paid(result.Path);
                break;
            }

            await core.BackOffAsync(part, round);
        }

        part.Finish();
        return true;
    }

    private static GeoError Late(string what) => new(
        GeoErrorKind.OutcomeUnknown, "outcome-unknown", $"the change was made, and {what}: it may not be usable on every node yet",
            RetryAfterMs: 1000);
}
