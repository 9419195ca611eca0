namespace OrleansGeo.Primitives;

/// <summary>
/// The wide-area hops that lie on one request's causal path, oldest first when read through <see cref="ToList"/>. The transport adds a hop
/// when it carries a message from one region to another; nobody else does, so the path is what was paid and never what was planned.
/// Null is the path without a hop.
/// </summary>
public sealed record WanPath(NodeId From, NodeId To, WanPath? Previous)
{
    /// <summary>Longest path that is kept; a longer one is a routing loop.</summary>
    public const int MaxHops = 64;

    /// <summary>Number of hops.</summary>
    public int Count { get; } = (Previous?.Count ?? 0) + 1;

    /// <summary>The path with one more hop at its end.</summary>
    public static WanPath Add(WanPath? path, NodeId from, NodeId to)
    {
        Invariant.Holds((path?.Count ?? 0) < MaxHops);
        return new(from, to, path);
    }

    /// <summary>The first path, then the second.</summary>
    public static WanPath? Concat(WanPath? first, WanPath? second)
    {
        if (first is null || second is null)
        {
            return first ?? second;
        }

        var joined = first;
        foreach (var (from, to) in second.ToList())
        {
            joined = Add(joined, from, to);
        }

        return joined;
    }

    /// <summary>The hops, oldest first.</summary>
    public IReadOnlyList<(NodeId From, NodeId To)> ToList()
    {
        var hops = new (NodeId, NodeId)[Count];
        var at = this;
        for (var i = Count - 1; i >= 0; i--)
        {
            hops[i] = (at!.From, at.To);
            at = at.Previous;
        }

        return hops;
    }

    /// <summary>Writes a path, null included.</summary>
    public static void Write(CodecWriter writer, WanPath? path)
    {
        writer.WriteUInt64((ulong)(path?.Count ?? 0));
        if (path is null)
        {
            return;
        }

        foreach (var (from, to) in path.ToList())
        {
            writer.WriteInt32(from.Value);
            writer.WriteInt32(to.Value);
        }
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    public static WanPath? Read(ref CodecReader reader)
    {
        var count = reader.ReadCount();
        if (count > MaxHops)
        {
            throw new CodecException($"a path of {count} hops");
        }

        WanPath? path = null;
        for (var i = 0; i < count; i++)
        {
            path = Add(path, new(reader.ReadInt32()), new(reader.ReadInt32()));
        }

        return path;
    }
}
