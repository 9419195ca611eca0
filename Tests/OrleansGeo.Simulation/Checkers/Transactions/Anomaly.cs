using System.Collections.Immutable;

namespace OrleansGeo.Simulation.Checkers.Transactions;

/// <summary>What is wrong, in the words of Adya's thesis (1999) where it has one.</summary>
public enum AnomalyKind
{
    /// <summary>The test is wrong: a history that says nothing, such as one element appended twice.</summary>
    Malformed,

    /// <summary>A transaction did not see its own writes, or saw a key change between two of its reads.</summary>
    Internal,

    /// <summary>Something was read that nobody wrote.</summary>
    Unwritten,

    /// <summary>An element is in a list twice.</summary>
    DuplicateElement,

    /// <summary>Two reads of a list that are not a beginning one of the other.</summary>
    IncompatibleOrder,

    /// <summary>One write has two versions, or two writes of a key have the same.</summary>
    ConflictingVersions,

    /// <summary>A read that began after an acknowledged append, and no other read either, shows the element.</summary>
    LostAppend,

    /// <summary>A write of an aborted transaction was read.</summary>
    G1a,

    /// <summary>A write that its own transaction replaced was read.</summary>
    G1b,

    /// <summary>A cycle of writes over writes.</summary>
    G0,

    /// <summary>A cycle of writes over writes and reads of writes.</summary>
    G1c,

    /// <summary>A cycle in which once a read missed a write.</summary>
    GSingle,

    /// <summary>A cycle in which reads missed writes more than once.</summary>
    G2,
}

/// <summary>What time has to do with a cycle.</summary>
public enum CycleTime
{
    /// <summary>Nothing: no order whatsoever explains it.</summary>
    None,

    /// <summary>An order explains it, but not one in which each client's transactions come one after another.</summary>
    Process,

    /// <summary>An order explains it, but not one in which a transaction that ended comes before one that began later.</summary>
    Realtime,
}

/// <summary>One thing that no correct store shows.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Time">For a cycle: what it needs of time.</param>
/// <param name="Transactions">The ids of those who take part, in the order of the cycle.</param>
/// <param name="Explanation">Why, for a reader.</param>
public sealed record Anomaly(AnomalyKind Kind, CycleTime Time, ImmutableArray<int> Transactions, string Explanation)
{
    /// <summary>Its usual name, as in <c>G-single-realtime</c>.</summary>
    public string Name => NameOf(Kind) + Time switch
    {
        CycleTime.Process => "-process",
        CycleTime.Realtime => "-realtime",
        _ => "",
    };

    /// <inheritdoc />
    public override string ToString() => $"{Name}: {Explanation}";

    private static string NameOf(AnomalyKind kind) => kind switch
    {
        AnomalyKind.Malformed => "the test is wrong",
        AnomalyKind.Internal => "internal",
        AnomalyKind.Unwritten => "unwritten",
        AnomalyKind.DuplicateElement => "duplicate-element",
        AnomalyKind.IncompatibleOrder => "incompatible-order",
        AnomalyKind.ConflictingVersions => "conflicting-versions",
        AnomalyKind.LostAppend => "lost-append",
        AnomalyKind.GSingle => "G-single",
        _ => kind.ToString(),
    };
}
