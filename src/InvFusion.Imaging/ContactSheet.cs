namespace InvFusion.Imaging;

/// <summary>Rows of pictures with captions, row labels, column headers and a title, painted with a font of this library (<see cref="TextFont"/>), not of the system.</summary>
/// <remarks>The text may hold Latin and Greek letters and mathematical signs; other characters show as a box.</remarks>
public sealed class ContactSheet
{
    private const int TextSize = 16;
    private const int TitleSize = 22;
    private const int Margin = 28;
    private const int Gap = 14;
    private const int LabelWidth = 190;
    private const int BarHeight = 10;

    private readonly List<(string? Label, SheetCell[] Cells)> _rows = [];

    /// <summary>A line above everything.</summary>
    public string? Title { get; init; }

    /// <summary>Small text below everything: settings, a source, a licence.</summary>
    public string? Note { get; init; }

    /// <summary>A header for each column; empty for none.</summary>
    public IReadOnlyList<string> Columns { get; init; } = [];

    /// <summary>Light text on a dark ground.</summary>
    public bool Dark { get; init; }

    /// <summary>Pictures whose longer side is below this are enlarged, all by the same whole factor.</summary>
    public int MinimumSide { get; init; } = 192;

    /// <summary>Enlarge smoothly (Lanczos); otherwise each pixel becomes a square.</summary>
    public bool Smooth { get; init; }

    /// <summary>Adds a row of pictures.</summary>
    /// <param name="label">Text left of the row; null for none.</param>
    /// <param name="cells">Its pictures, from left to right.</param>
    public void AddRow(string? label, params IEnumerable<SheetCell> cells) => _rows.Add((label, [.. cells]));

    /// <summary>Paints the sheet.</summary>
    /// <exception cref="InvalidOperationException">There is no picture.</exception>
    public RgbImage Render()
    {
        var images = _rows.SelectMany(row => row.Cells).Select(cell => cell.Image).OfType<RgbImage>().ToArray();
        if (images.Length == 0)
            throw new InvalidOperationException("a contact sheet needs a picture");
        return new Painting(this, images).Paint();
    }

    /// <summary>Paints the sheet into a file; the extension says which format.</summary>
    /// <inheritdoc cref="ImageEncoder.Save"/>
    public void Save(string path, int quality = ImageEncoder.DefaultQuality) => ImageEncoder.Save(Render(), path, quality);

    /// <summary>One rendering: the measures first, then everything from top to bottom.</summary>
    private sealed class Painting
    {
        private readonly ContactSheet _sheet;
        private readonly int _factor;
        private readonly int _cellWidth;
        private readonly int _cellHeight;
        private readonly int _left;
        private readonly int _width;
        private readonly Rgb _strong;
        private readonly Rgb _muted;
        private readonly Rgb _ground;

        public Painting(ContactSheet sheet, RgbImage[] images)
        {
            _sheet = sheet;
            var (widest, tallest) = (images.Max(i => i.Width), images.Max(i => i.Height));
            var longest = Math.Max(widest, tallest);
            _factor = Math.Max((sheet.MinimumSide + longest - 1) / longest, 1);
            (_cellWidth, _cellHeight) = (widest * _factor, tallest * _factor);
            var columns = Math.Max(sheet._rows.Max(row => row.Cells.Length), sheet.Columns.Count);
            var labels = sheet._rows.Any(row => !string.IsNullOrWhiteSpace(row.Label));
            _left = Margin + (labels ? WidestLabel() + Gap : 0);
            _width = _left + columns * (_cellWidth + Gap) - Gap + Margin;
            (_ground, _strong, _muted) = sheet.Dark
                ? (new Rgb(21, 23, 28), new Rgb(236, 238, 241), new Rgb(160, 167, 178))
                : (new Rgb(255, 255, 255), new Rgb(24, 28, 34), new Rgb(92, 99, 110));
        }

        public RgbImage Paint()
        {
            var canvas = new Canvas(_width, Flow(null), _ground);
            Flow(canvas);
            return canvas.Image;
        }

        // Goes through the sheet from top to bottom; without a canvas it only measures. Returns the height.
        private int Flow(Canvas? canvas)
        {
            var y = Margin;
            y = Block(canvas, TextLayout.Wrap(_sheet.Title, _width - 2 * Margin, TitleSize), y, TitleSize, _strong, Gap);
            y = Headers(canvas, y);
            foreach (var (label, cells) in _sheet._rows)
                y = Row(canvas, label, cells, y);
            y = Block(canvas, TextLayout.Wrap(_sheet.Note, _width - 2 * Margin, TextSize), y, TextSize, _muted, Gap);
            return y - Gap + Margin;
        }

        private static int Block(Canvas? canvas, string[] lines, int y, int size, Rgb colour, int gap)
        {
            if (lines.Length == 0)
                return y;
            Lines(canvas, lines, Margin, y, size, colour);
            return y + lines.Length * TextFont.LineHeight(size) + gap;
        }

        private int Headers(Canvas? canvas, int y)
        {
            if (_sheet.Columns.Count == 0)
                return y;
            var headers = _sheet.Columns.Select(text => TextLayout.Wrap(text, _cellWidth, TextSize)).ToArray();
            var most = headers.Max(lines => lines.Length);
            // Short headers stand on the picture as tall ones do.
            for (var i = 0; i < headers.Length; i++)
                Centred(canvas, headers[i], i, y + (most - headers[i].Length) * TextFont.LineHeight(TextSize), _strong);
            return y + most * TextFont.LineHeight(TextSize) + 4;
        }

        private int Row(Canvas? canvas, string? label, SheetCell[] cells, int y)
        {
            var captions = cells.Select(cell => TextLayout.Wrap(cell.Caption, _cellWidth, TextSize)).ToArray();
            var lines = TextLayout.Wrap(label, LabelWidth, TextSize);
            Lines(canvas, lines, Margin, y + (_cellHeight - lines.Length * TextFont.LineHeight(TextSize)) / 2, TextSize, _strong);
            var below = 0;
            for (var i = 0; i < cells.Length; i++)
            {
                if (canvas is not null && cells[i].Image is { } image)
                    Picture(canvas, image, i, y);
                var at = y + _cellHeight + 8;
                Centred(canvas, captions[i], i, at, _muted);
                at += captions[i].Length * TextFont.LineHeight(TextSize);
                if (cells[i].Scale is { } largest)
                    at = Bar(canvas, largest, i, at + 2);
                below = Math.Max(below, at - y - _cellHeight + 6);
            }
            return y + _cellHeight + (captions.Any(c => c.Length > 0) || cells.Any(c => c.Scale is not null) ? below : 0) + Gap;
        }

        // The colours from 0 to the largest number, each end with its number. Returns where it ends.
        private int Bar(Canvas? canvas, float largest, int column, int y)
        {
            var (low, high) = ("0", largest.ToString("G2", System.Globalization.CultureInfo.InvariantCulture));
            var (left, right) = (TextFont.Width(low, TextSize) + 6, TextFont.Width(high, TextSize) + 6);
            var width = Math.Max(_cellWidth - left - right, 1);
            var top = y + (TextFont.LineHeight(TextSize) - BarHeight) / 2;
            canvas?.Write(low, Column(column), y, TextSize, _muted);
            canvas?.Write(high, Column(column) + _cellWidth - right + 6, y, TextSize, _muted);
            canvas?.Draw(
                Colormap.Apply([.. Enumerable.Range(0, width * BarHeight).Select(i => (float)(i % width))], width, BarHeight),
                Column(column) + left,
                top
            );
            return y + TextFont.LineHeight(TextSize);
        }

        private void Picture(Canvas canvas, RgbImage image, int column, int y)
        {
            var (width, height) = (image.Width * _factor, image.Height * _factor);
            var (x, top) = (Column(column) + (_cellWidth - width) / 2, y + (_cellHeight - height) / 2);
            if (_sheet.Smooth)
                canvas.Draw(Resampler.Resize(image, width, height, ResampleFilter.Lanczos), x, top);
            else
                canvas.Draw(image, x, top, _factor);
        }

        private void Centred(Canvas? canvas, string[] lines, int column, int y, Rgb colour)
        {
            for (var i = 0; i < lines.Length; i++)
            {
                var x = Column(column) + (_cellWidth - TextFont.Width(lines[i], TextSize)) / 2;
                canvas?.Write(lines[i], x, y + i * TextFont.LineHeight(TextSize), TextSize, colour);
            }
        }

        private static void Lines(Canvas? canvas, string[] lines, int x, int y, int size, Rgb colour)
        {
            for (var i = 0; i < lines.Length; i++)
                canvas?.Write(lines[i], x, y + i * TextFont.LineHeight(size), size, colour);
        }

        private int WidestLabel() =>
            _sheet._rows.SelectMany(row => TextLayout.Wrap(row.Label, LabelWidth, TextSize)).Max(line => TextFont.Width(line, TextSize));

        private int Column(int index) => _left + index * (_cellWidth + Gap);
    }
}
