using System.Globalization;
using Orleans.Concurrency;
using OrleansGeo.Primitives;

namespace OrleansGeo.GrainInterfaces;

/// <summary>
/// One node's replica of a range, as others reach it. Its key is <see cref="RangeGrainKey"/>: it lives on the silo of that name and nowhere
/// else, whether the replica is there or not. Who leads is decided among the replicas; that there is one activation of this grain decides
/// nothing.
/// </summary>
[Alias("geo.IRangeGrain")]
public interface IRangeGrain : IGrainWithStringKey
{
    /// <summary>
    /// Puts a request to the replica. Both ways the bytes are an envelope in the engine's own encoding, which carries its version. A call
    /// that fails leaves open whether the request was carried out.
    /// </summary>
    [Alias("Ask")]
    [ResponseTimeout("00:01:10")]
    Task<Immutable<byte[]>> AskAsync(Immutable<byte[]> request, CancellationToken cancellation);
}

/// <summary>The keys of <see cref="IRangeGrain"/>: <c>{range}@{node}</c>.</summary>
public static class RangeGrainKey
{
    /// <summary>The key of a node's replica of a range.</summary>
    public static string Of(RangeId range, string node) => string.Create(CultureInfo.InvariantCulture, $"{range.Value}@{node}");

    /// <summary>The node that a key names; null for what is no key.</summary>
    public static string? NodeOf(string key)
    {
        var at = key.IndexOf('@', StringComparison.Ordinal);
        return at > 0 && at < key.Length - 1 && long.TryParse(key.AsSpan(0, at), NumberStyles.None, CultureInfo.InvariantCulture, out _)
            ? key[(at + 1)..]
            : null;
    }
}
