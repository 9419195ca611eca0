using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Membership;

/// <summary>What an acceptor keeps durably. One row of a database is one of these.</summary>
public sealed record AcceptorState(
    AcceptorIdentity Identity,
    Ballot Promised,
    Ballot Accepted,
    RegisterValue Value,
    long Writes,
    ImmutableArray<long> Witnessed,
    string? Refusal)
{
    /// <summary>A new acceptor of a new register.</summary>
    public static AcceptorState New(AcceptorIdentity identity) =>
        new(identity, Ballot.Zero, Ballot.Zero, RegisterValue.Empty, 0, [.. new long[identity.Acceptors.Length]], null);
}

/// <summary>
/// The acceptor as a function of its state and a request: the rules that the SQL statements state once more, and a test compares the two.
/// The returned state has to be durable before the reply leaves.
/// </summary>
public static class Acceptor
{
    /// <summary>Deals with one request. A null state is a database without a record of the register.</summary>
    public static (AcceptorState? State, AcceptorReply Reply) Handle(
        AcceptorState? state, AcceptorIdentity expected, AcceptorRequest request, long life)
    {
        if (state is null)
        {
            return (null, new AcceptorReply.Refused(RefusalKind.Unseated, $"has no record as {expected}"));
        }

        if (!state.Identity.Equals(expected))
        {
            return (state, new AcceptorReply.Refused(RefusalKind.Stranger, $"is {state.Identity}, not {expected}"));
        }

        if (state.Refusal is { } refusal)
        {
            return (state, new AcceptorReply.Refused(RefusalKind.Quarantined, refusal, state.Writes));
        }

        if (state.Writes < request.Floor && !PlantedBug.Is("register.floor-ignored"))
        {
            var reason = RegressionText(state.Writes, request.Floor);
            return (state with { Refusal = reason }, new AcceptorReply.Refused(RefusalKind.Regressed, reason, state.Writes));
        }

        return request switch
        {
            AcceptorRequest.Prepare prepare => Prepare(state, prepare, life),
            AcceptorRequest.Accept accept => Accept(state, accept, life),
            _ => (state, Answer(true, state, life)),
        };
    }

    /// <summary>What an operator reads of an acceptor that went back.</summary>
    public static string RegressionText(long writes, long floor) =>
        $"is at write {writes} although it acknowledged write {floor}: it was restored from an old backup, or its disk lost writes";

    /// <summary>By index, the higher of two counts.</summary>
    public static ImmutableArray<long> Merge(ImmutableArray<long> a, ImmutableArray<long> b) =>
        [.. a.Select((count, i) => Math.Max(count, b[i]))];

    private static (AcceptorState State, AcceptorReply Reply) Prepare(AcceptorState state, AcceptorRequest.Prepare prepare, long life)
    {
        if (prepare.Ballot <= state.Promised)
        {
            return (state, Answer(false, state, life));
        }

        var after = state with
        {
            Promised = prepare.Ballot,
            Writes = state.Writes + 1,
            Witnessed = Merge(state.Witnessed, prepare.Witnessed),
        };
        var kept = PlantedBug.Is("register.promise-not-stored") ? after with { Promised = state.Promised } : after;
        return (kept, Answer(true, after, life));
    }

    // A request that comes twice must not be refused the second time: the proposer may hear the second answer only.
    private static (AcceptorState State, AcceptorReply Reply) Accept(AcceptorState state, AcceptorRequest.Accept accept, long life)
    {
        if (accept.Ballot == state.Accepted)
        {
            return (state, Answer(true, state, life));
        }

        if (!MayAccept(state, accept))
        {
            return (state, Answer(false, state, life));
        }

        var after = state with
        {
            Promised = accept.Next,
            Accepted = accept.Ballot,
            Value = accept.Value,
            Writes = state.Writes + 1,
            Witnessed = Merge(state.Witnessed, accept.Witnessed),
        };
        return (after, Answer(true, after, life));
    }

    private static bool MayAccept(AcceptorState state, AcceptorRequest.Accept accept) =>
        PlantedBug.Is("register.accept-any-ballot")
        || (PlantedBug.Is("register.promise-not-stored")
            ? accept.Ballot >= state.Promised
            : accept.Ballot == state.Promised && accept.ExpectedWrites == state.Writes);

    private static AcceptorReply.Answer Answer(bool isDone, AcceptorState state, long life) =>
        new(isDone, new(state.Promised, state.Accepted, state.Value, state.Writes, state.Witnessed, life));
}
