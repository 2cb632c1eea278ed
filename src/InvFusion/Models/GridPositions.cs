using InvFusion.Ops;
using TorchSharp;
using static TorchSharp.torch;

namespace InvFusion.Models;

/// <summary>Positions of the tokens of all levels, of the grid that came last: a network sees the same one at every step.</summary>
internal sealed class GridPositions : IDisposable
{
    private (int Height, int Width, int Levels, DeviceType Device, int Index) _grid;
    private Tensor[] _levels = [];

    /// <summary>Positions by level, <c>[h/2ⁱ, w/2ⁱ, 2]</c>; not the caller's.</summary>
    public IReadOnlyList<Tensor> Get(int height, int width, int levels, Device device)
    {
        var grid = (height, width, levels, device.type, device.index);
        if (_levels.Length == 0 || _grid != grid)
        {
            Dispose();
            using var noGrad = no_grad();
            using var scope = NewDisposeScope();
            var found = new Tensor[levels];
            found[0] = AxialRope.Positions(height, width, device);
            for (var i = 1; i < levels; i++)
                found[i] = AxialRope.Downscale(found[i - 1]);
            foreach (var level in found)
                level.DetachFromDisposeScope();
            (_levels, _grid) = (found, grid);
        }
        return _levels;
    }

    /// <summary>Releases what is kept.</summary>
    public void Dispose()
    {
        foreach (var level in _levels)
            level.Dispose();
        _levels = [];
    }
}
