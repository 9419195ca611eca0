using System.Collections.Immutable;

namespace OrleansGeo.Membership;

/// <summary>
/// Which register an acceptor serves, as whom, and among whom. Acceptors stand in the ordinal order of their names; their place is their
/// index in every list of counters.
/// </summary>
public sealed record AcceptorIdentity(string Register, string Acceptor, ImmutableArray<string> Acceptors)
{
    /// <summary>Acceptors of one register at most.</summary>
    public const int AcceptorsMax = 9;

    /// <summary>The identities of a whole set, by index. Names differ; their number is odd, so that none is there for nothing.</summary>
    public static ImmutableArray<AcceptorIdentity> SetOf(string register, IEnumerable<string> names)
    {
        ImmutableArray<string> all = [.. names.Order(StringComparer.Ordinal)];
        if (register.Length == 0 || all.Any(name => name.Length == 0))
        {
            throw new ArgumentException("a membership register and its acceptors have names", nameof(names));
        }

        if (all.Length is 0 or > AcceptorsMax || all.Length % 2 == 0 || all.Distinct(StringComparer.Ordinal).Count() != all.Length)
        {
            throw new ArgumentException(
                $"a membership register has an odd number of differently named acceptors, {AcceptorsMax} at most: {string.Join(", ", all)}",
                nameof(names));
        }

        return [.. all.Select(name => new AcceptorIdentity(register, name, all))];
    }

    /// <summary>The acceptor's place.</summary>
    public int Index => Acceptors.IndexOf(Acceptor, StringComparer.Ordinal);

    /// <inheritdoc />
    public bool Equals(AcceptorIdentity? other) =>
        other is not null && Register == other.Register && Acceptor == other.Acceptor
        && Acceptors.AsSpan().SequenceEqual(other.Acceptors.AsSpan());

    /// <inheritdoc />
    public override int GetHashCode() => HashCode.Combine(Register, Acceptor);

    /// <inheritdoc />
    public override string ToString() => $"'{Acceptor}' of {{{string.Join(", ", Acceptors)}}} for register '{Register}'";
}

/// <summary>
/// What a proposer asks of one acceptor. The floor is a count of writes that this acceptor is known to have made: one that has made fewer
/// forgot something, and refuses itself.
/// </summary>
public abstract record AcceptorRequest(long Floor)
{
    /// <summary>What do you hold? Changes nothing.</summary>
    public sealed record Inspect(long Floor) : AcceptorRequest(Floor);

    /// <summary>Promise this ballot, and remember what is known of the others' writes.</summary>
    public sealed record Prepare(long Floor, Ballot Ballot, ImmutableArray<long> Witnessed) : AcceptorRequest(Floor);

    /// <summary>
    /// Accept this value under the ballot that was promised at exactly this count of writes, and promise the next ballot with it.
    /// </summary>
    public sealed record Accept(
        long Floor, Ballot Ballot, Ballot Next, long ExpectedWrites, RegisterValue Value, ImmutableArray<long> Witnessed)
        : AcceptorRequest(Floor);
}

/// <summary>
/// What an acceptor holds after it dealt with a request. <paramref name="Writes"/> goes up by one with every write and never down.
/// <paramref name="Witnessed"/> has, by index, the highest count of writes it was told of for each acceptor. <paramref name="Life"/> is
/// another number after every restart of the server.
/// </summary>
public sealed record AcceptorReport(
    Ballot Promised, Ballot Accepted, RegisterValue Value, long Writes, ImmutableArray<long> Witnessed, long Life);

/// <summary>Why an acceptor takes no part.</summary>
public enum RefusalKind
{
    /// <summary>It has made fewer writes than were acknowledged: it was restored from an old backup, or its disk lost writes.</summary>
    Regressed,

    /// <summary>It was refused before, and nobody has readmitted it since.</summary>
    Quarantined,

    /// <summary>Its record was copied or edited by something other than the register.</summary>
    Tampered,

    /// <summary>It has no record of this register.</summary>
    Unseated,

    /// <summary>It is another acceptor, or one of another set.</summary>
    Stranger,

    /// <summary>Its server does not make writes durable.</summary>
    Unsafe,

    /// <summary>Its record has a format that this build does not read.</summary>
    Unreadable,
}

/// <summary>An acceptor's answer.</summary>
public abstract record AcceptorReply
{
    private AcceptorReply()
    {
    }

    /// <summary>It did what was asked, or did not because of another ballot; the report says which.</summary>
    public sealed record Answer(bool IsDone, AcceptorReport Report) : AcceptorReply;

    /// <summary>It takes no part until an operator has dealt with the reason. With its count of writes, where it has one.</summary>
    public sealed record Refused(RefusalKind Kind, string Reason, long Writes = 0) : AcceptorReply;
}
