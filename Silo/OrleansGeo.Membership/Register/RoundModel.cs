namespace OrleansGeo.Membership;

/// <summary>
/// A change to make when the register is at a version. <paramref name="MayBeMade"/> says that an earlier attempt at the same change may
/// have reached an acceptor.
/// </summary>
public sealed record Change(ChangeId Id, long ExpectedVersion, ReadOnlyMemory<byte> Bytes, bool MayBeMade);

/// <summary>What became of a change, once a round decided.</summary>
public enum ChangeVerdict
{
    /// <summary>There was none: the round only read.</summary>
    None,

    /// <summary>It made the version after the expected one, in this round or in an earlier attempt.</summary>
    Made,

    /// <summary>It was not made and never will be: another change made that version.</summary>
    Overtaken,

    /// <summary>So many changes were made since an earlier attempt that the register remembers no more who made that version.</summary>
    Forgotten,
}

/// <summary>How a round ended.</summary>
public abstract record RoundEnd
{
    private RoundEnd()
    {
    }

    /// <summary>The register holds this value, agreed by a majority at a moment of this round.</summary>
    public sealed record Decided(RegisterValue Value, ChangeVerdict Verdict) : RoundEnd;

    /// <summary>Another proposer's ballot came in between. The next round knows its ballot.</summary>
    public sealed record Outbid(bool MayTakeEffect, bool WasFast) : RoundEnd;

    /// <summary>Less than a majority took part.</summary>
    public sealed record NoQuorum(bool MayTakeEffect, int Answered, int Needed) : RoundEnd;
}

/// <summary>What a proposer wants done, in order.</summary>
public abstract record RegisterEffect
{
    private RegisterEffect()
    {
    }

    /// <summary>Ask this acceptor; the token comes back with its answer, or with word that there is none.</summary>
    public sealed record Send(int Acceptor, long Token, AcceptorRequest Request) : RegisterEffect;

    /// <summary>An operator has to look at this acceptor.</summary>
    public sealed record Alarm(int Acceptor, RefusalKind Kind, string Reason) : RegisterEffect;

    /// <summary>The round is over.</summary>
    public sealed record Ended(RoundEnd End) : RegisterEffect;
}
