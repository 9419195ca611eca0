using Orleans;

namespace OrleansGeo.Clustering;

/// <summary>
/// The membership could not be read or changed. Orleans tries again by itself. It crosses the wire: whoever asks another silo's management
/// for the members gets it.
/// </summary>
[GenerateSerializer]
[Alias("geo.membership-unavailable")]
public sealed class MembershipUnavailableException : Exception
{
    /// <summary>Makes one.</summary>
    public MembershipUnavailableException(string message, bool mayHaveBeenMade)
        : base(message) => MayHaveBeenMade = mayHaveBeenMade;

    /// <summary>False: nothing was changed, and nothing will be. True: the change may have been made, or may yet be, once.</summary>
    [Id(0)]
    public bool MayHaveBeenMade { get; }
}
