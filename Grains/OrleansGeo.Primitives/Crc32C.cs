using System.Buffers.Binary;
using System.Numerics;

namespace OrleansGeo.Primitives;

/// <summary>CRC-32C (Castagnoli), without the inversions at both ends: whoever uses it chooses the start.</summary>
public static class Crc32C
{
    /// <summary>The checksum of what a checksum covers already and of the bytes behind it.</summary>
    public static uint Append(uint checksum, ReadOnlySpan<byte> bytes)
    {
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
        {
            checksum = BitOperations.Crc32C(checksum, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        }

        foreach (var b in bytes)
        {
            checksum = BitOperations.Crc32C(checksum, b);
        }

        return checksum;
    }
}
