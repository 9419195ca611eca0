using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tests.Api.Model;

/// <summary>The order of keys: value by value; a prefix compares equal to what it begins.</summary>
public sealed class KeyOrder : IComparer<ImmutableArray<Datum>>
{
    public static KeyOrder Instance { get; } = new();

    public static int ComparePrefix(ImmutableArray<Datum> key, ImmutableArray<Datum> prefix)
    {
        for (var i = 0; i < Math.Min(key.Length, prefix.Length); i++)
        {
            if (key[i].CompareTo(prefix[i]) is not 0 and var order)
            {
                return order;
            }
        }

        return 0;
    }

    public int Compare(ImmutableArray<Datum> x, ImmutableArray<Datum> y) =>
        ComparePrefix(x, y) is not 0 and var order ? order : x.Length.CompareTo(y.Length);
}
