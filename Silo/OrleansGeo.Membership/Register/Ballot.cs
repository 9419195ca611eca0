namespace OrleansGeo.Membership;

/// <summary>
/// The number of a round: a counter, then who made it. Ballots are ordered; no acceptor promises one twice, so even two proposers that
/// drew the same identity cannot both gather a quorum of promises for one ballot.
/// </summary>
public readonly record struct Ballot(long Counter, long Proposer) : IComparable<Ballot>
{
    /// <summary>Below every ballot that a proposer makes: nothing was promised, or nothing was accepted.</summary>
    public static Ballot Zero => default;

    /// <summary>The next ballot of the same proposer.</summary>
    public Ballot Next => new(Counter + 1, Proposer);

    /// <inheritdoc />
    public int CompareTo(Ballot other) =>
        Counter != other.Counter ? Counter.CompareTo(other.Counter) : Proposer.CompareTo(other.Proposer);

    /// <summary>True when the first comes before the second.</summary>
    public static bool operator <(Ballot a, Ballot b) => a.CompareTo(b) < 0;

    /// <summary>True when the first comes after the second.</summary>
    public static bool operator >(Ballot a, Ballot b) => a.CompareTo(b) > 0;

    /// <summary>True unless the first comes after the second.</summary>
    public static bool operator <=(Ballot a, Ballot b) => a.CompareTo(b) <= 0;

    /// <summary>True unless the first comes before the second.</summary>
    public static bool operator >=(Ballot a, Ballot b) => a.CompareTo(b) >= 0;

    /// <inheritdoc />
    public override string ToString() => $"{Counter}.{Proposer:x}";
}
