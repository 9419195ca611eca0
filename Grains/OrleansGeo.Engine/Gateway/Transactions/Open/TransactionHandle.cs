using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>Where an open transaction lives, and which one it is.</summary>
/// <param name="Node">The node that holds it.</param>
/// <param name="Life">Which life of that node: what a node knew it has forgotten when it starts again.</param>
/// <param name="Id">16 bytes that name the transaction among all.</param>
internal sealed record TransactionHandle(NodeId Node, ulong Life, ImmutableArray<byte> Id)
{
    private const byte Version = 1;
    private const byte Kind = (byte)'t';

    /// <summary>The handle as clients carry it.</summary>
    public string Seal(ReadOnlySpan<byte> secret)
    {
        var body = new CodecWriter();
        body.WriteByte(Kind);
        body.WriteByte(Version);
        body.WriteInt32(Node.Value);
        body.WriteUInt64(Life);
        body.WriteBytes(Id.AsSpan());
        return SignedTokens.Seal(secret, body.Written);
    }

    /// <summary>The handle of a text; null when the cluster never gave it out.</summary>
    public static TransactionHandle? TryOpen(ReadOnlySpan<byte> secret, string text)
    {
        if (!SignedTokens.TryOpen(secret, text, out var body) || body.Length < 2 || body[0] != Kind)
        {
            return null;
        }

        try
        {
            var reader = new CodecReader(body.AsSpan(1));
            reader.ReadVersion("a transaction", Version);
            var handle = new TransactionHandle(new(reader.ReadInt32()), reader.ReadUInt64(), [.. reader.ReadBytes()]);
            reader.ExpectEnd("a transaction");
            return handle;
        }
        catch (CodecException)
        {
            return null;
        }
    }
}
