namespace OrleansGeo.Simulation;

/// <summary>
/// The bank of planted bugs that whole-cluster simulations catch, by name. Each breaks one rule where it is enforced. Further ones, in the
/// consensus core, are caught by its own properties and directed tests.
/// </summary>
public static class PlantedBugs
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        "consensus.append-ack-before-persist",
        "consensus.count-stale-lease",
        "consensus.serve-before-leader-start",
        "consensus.vote-ignores-log",
        "engine.ambiguous-as-failed",
        "engine.closed-ignores-index",
        "engine.no-dedupe",
        "engine.requests-may-double",
        "gateway.bounded-ignores-one-range",
        "gateway.joins-race",
        "gateway.retry-with-new-request-id",
        "gateway.unknown-as-failure",
        "request-record-does-twice",
    ];

    /// <summary>
    /// Those that runs of transactions catch. Further rules of transactions are hidden in whole runs by what stands beside them, most of
    /// all by closed timestamps, and are caught by stories that part the two.
    /// </summary>
    public static IReadOnlyList<string> OfTransactions { get; } =
    [
        "transactions.no-refresh",
        "transactions.reads-ignore-intents",
        "transactions.recovery-aborts-staged",
        "transactions.staged-is-complete",
        "transactions.stages-aborted",
        "transactions.stages-moved",
    ];

    /// <summary>Those that runs of open transactions catch, which are the seeds from 301 on.</summary>
    public static IReadOnlyList<string> OfOpenTransactions { get; } =
        ["transactions.moves-unseen", "transactions.no-spans", "transactions.trusts-clocks"];
}
