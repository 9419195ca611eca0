namespace OrleansGeo.Clustering;

/// <summary>
/// The membership could not be read or changed. Orleans tries again by itself. After a change, <see cref="MayHaveBeenMade"/> says whether
/// it may have been made all the same.
/// </summary>
public sealed class MembershipUnavailableException(string message, bool mayHaveBeenMade) : Exception(message)
{
    /// <summary>False: nothing was changed, and nothing will be. True: the change may have been made, or may yet be, once.</summary>
    public bool MayHaveBeenMade => mayHaveBeenMade;
}
